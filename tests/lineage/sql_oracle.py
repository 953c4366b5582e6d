"""Expected answers, computed in SQL from the raw tables of ML Metadata without the code under test."""

import sqlite3
from contextlib import closing
from urllib.parse import unquote, urlsplit

COMPLETE, CACHED, FAILED = 3, 5, 4
OUTPUT = "(1, 4)"
INPUT = "(2, 3)"
COMPARED = "('baseline_model', 'baseline')"


class SqlOracle:
    """The tables of one metadata store."""

    def __init__(self, root, url):
        self._root = root
        if not url:
            self._connection = sqlite3.connect(f"file:{root}/metadata.sqlite?mode=ro", uri=True)
            return
        parts = urlsplit(url)
        server = {"host": parts.hostname, "port": parts.port, "user": parts.username}
        server["password"] = unquote(parts.password)
        if parts.scheme == "postgresql":
            import psycopg

            self._connection = psycopg.connect(**server, dbname=parts.path[1:])
        else:
            import pymysql

            self._connection = pymysql.connect(**server, database=parts.path[1:])

    def rows(self, sql):
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def column(self, sql):
        return {row[0] for row in self.rows(sql)}

    def upstream(self, artifact):
        """Return the ids of an artifact and all it was made from, and of the baselines these were compared with."""
        return self.column(f"""
            WITH RECURSIVE
            made AS (
                SELECT artifact_id, MIN(execution_id) AS maker FROM Event WHERE type IN {OUTPUT} GROUP BY artifact_id
            ),
            walked AS (
                SELECT Event.id, Event.artifact_id, Event.execution_id, MAX(step_key) AS name
                FROM Event JOIN EventPath ON event_id = Event.id
                WHERE type IN {INPUT} GROUP BY Event.id, Event.artifact_id, Event.execution_id
            ),
            behind (id) AS (
                SELECT id FROM Artifact WHERE id = {artifact}
                UNION
                SELECT walked.artifact_id FROM behind
                JOIN made ON made.artifact_id = behind.id
                JOIN walked ON walked.execution_id = made.maker
                WHERE walked.name NOT IN {COMPARED}
            )
            SELECT id FROM behind
            UNION
            SELECT walked.artifact_id FROM behind
            JOIN made ON made.artifact_id = behind.id JOIN walked ON walked.execution_id = made.maker
        """)

    def downstream(self, artifacts):
        """Return the ids of some artifacts and all that was made from them."""
        return self.column(f"""
            WITH RECURSIVE
            walked AS (
                SELECT Event.id, Event.artifact_id, Event.execution_id, MAX(step_key) AS name
                FROM Event JOIN EventPath ON event_id = Event.id
                WHERE type IN {INPUT} GROUP BY Event.id, Event.artifact_id, Event.execution_id
            ),
            ahead (id) AS (
                SELECT id FROM Artifact WHERE id IN ({", ".join(map(str, artifacts))})
                UNION
                SELECT made.artifact_id FROM ahead
                JOIN walked ON walked.artifact_id = ahead.id
                JOIN Execution ON Execution.id = walked.execution_id
                JOIN Event made ON made.execution_id = walked.execution_id
                WHERE walked.name NOT IN {COMPARED} AND made.type IN {OUTPUT} AND last_known_state = {COMPLETE}
            )
            SELECT id FROM ahead
        """)

    def of_type(self, name):
        """Return the ids of the artifacts of a type."""
        return self.column(f"SELECT a.id FROM Artifact a JOIN Type t ON t.id = a.type_id WHERE t.name = '{name}'")

    def uri(self, artifact):
        """Return the path of a payload; a root's own store has it relative to the root."""
        [[uri]] = self.rows(f"SELECT uri FROM Artifact WHERE id = {artifact}")
        return str(self._root / uri)

    def states(self, run):
        """Return the state of the last execution of each node in a run."""
        found = self.rows(f"""
            SELECT n.name, e.last_known_state
            FROM Execution e
            JOIN Association ra ON ra.execution_id = e.id JOIN Context r ON r.id = ra.context_id
            JOIN Type rt ON rt.id = r.type_id AND rt.name = 'pipeline_run'
            JOIN Association na ON na.execution_id = e.id JOIN Context n ON n.id = na.context_id
            JOIN Type nt ON nt.id = n.type_id AND nt.name = 'node'
            WHERE r.name = '{run}' ORDER BY e.id
        """)
        return {name.partition(".")[2]: state for name, state in found}

    def outputs(self, run):
        """Return the ids of all outputs of a run's last executions."""
        return self.column(f"""
            SELECT ev.artifact_id FROM Event ev
            WHERE ev.type IN {OUTPUT} AND ev.execution_id IN (
                SELECT MAX(e.id) FROM Execution e
                JOIN Association ra ON ra.execution_id = e.id JOIN Context r ON r.id = ra.context_id
                JOIN Association na ON na.execution_id = e.id JOIN Context n ON n.id = na.context_id
                JOIN Type nt ON nt.id = n.type_id AND nt.name = 'node'
                WHERE r.name = '{run}' GROUP BY n.id
            )
        """)

    def parameter(self, run, node, name):
        """Return a recorded parameter of a node in a run."""
        found = self.rows(f"""
            SELECT p.string_value FROM ExecutionProperty p
            JOIN Association ra ON ra.execution_id = p.execution_id JOIN Context r ON r.id = ra.context_id
            JOIN Association na ON na.execution_id = p.execution_id JOIN Context n ON n.id = na.context_id
            WHERE r.name = '{run}' AND n.name = 'tiny.{node}' AND p.name = '{name}' ORDER BY p.execution_id DESC
        """)
        return found[0][0] if found else None
