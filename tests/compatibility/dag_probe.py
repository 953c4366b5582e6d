"""Program for Airflow's interpreter that prints a DAG as JSON: its tasks, their dependencies, parameters and assets."""

import json
import runpy
import sys

dag = runpy.run_path(sys.argv[1])["poseline_baduanjin"]
tasks = {
    task.task_id: {
        "upstream": sorted(task.upstream_task_ids),
        "group": task.task_group.group_id,
        "pool": task.pool,
        "retries": task.retries,
        "timeout": task.execution_timeout.total_seconds(),
        "rule": task.trigger_rule,
        "outlets": [outlet.name for outlet in task.outlets],
    }
    for task in dag.tasks
}
params = {name: [dag.params.get_param(name).value, dag.params.get_param(name).schema] for name in dag.params}
for _, schema in params.values():
    schema.pop("description", None)
found = {
    "dag": [dag.dag_id, dag.description, dag.max_active_runs, dag.catchup, sorted(dag.tags), str(dag.start_date)],
    "tasks": tasks,
    "params": params,
    "schedule": type(dag.timetable).__name__,
}
print(json.dumps(found))
