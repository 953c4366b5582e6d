"""`poseline coach`: counts, scores and corrections of recordings or live poses, by a pushed bundle."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.text import LONGEST, harmless, say, say_json
from lineage.cli.options import key_option, overwrite_option
from pipelines.cli.data import import_options
from pipelines.cli.options import PATH, OutputPath, json_option, make_console

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from data.importers import ImportOptions
    from serving_targets.coach.coach import Event
    from serving_targets.coach.timeline import Timeline
    from serving_targets.coaching.page import Coached
    from serving_targets.coaching.shipped_coach import ShippedCoach

group = click.Group("coach")


@group.command()
@click.argument("bundle", type=PATH)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=PATH)
@click.option("--live", is_flag=True, help="Read poses as lines of JSON from standard input, and print events.")
@click.option("--streaming", is_flag=True, help="Decide within a second, as --live does, not at the end.")
@click.option("--report", type=OutputPath(dir_okay=False), help="HTML file to write, with moving skeletons.")
@overwrite_option
@click.option("--language", default="en", show_default=True, help="Language of the corrections: en or ko.")
@key_option
@json_option
@import_options
def coach(
    bundle: Path,
    sources: tuple[Path, ...],
    live: bool,
    streaming: bool,
    report: Path | None,
    overwrite: bool,
    language: str,
    key: Ed25519PublicKey | None,
    as_json: bool,
    **source_options: Any,
) -> None:
    """Count, score and correct the movements in recordings.

    BUNDLE is a folder of a pushed version, or of a target. SOURCE is a data folder, or anything that `data import`
    reads. With --live, poses are read from standard input: {"time": seconds, "joints": [[x, y, confidence], ...]}.
    """
    from data.importers.option_parsing import options_from
    from serving_targets.coach.words import LANGUAGES
    from serving_targets.coaching.shipped_coach import open_coach

    if language not in LANGUAGES:
        raise click.BadParameter(f"the coach speaks {', '.join(LANGUAGES)}", param_hint="--language")
    if live and (sources or report or streaming):
        raise click.UsageError("--live reads standard input: give no SOURCE, --report or --streaming with it")
    if not live and not sources:
        raise click.UsageError("give a SOURCE, or --live")
    options = options_from(source_options)
    with open_coach(bundle, key) as shipped:
        for sentence in shipped.lacks:
            say(harmless(f"note: {sentence}", LONGEST), error=True)
        if live:
            _coach_live(shipped, options.layout, language, as_json=as_json)
            return
        coached = _coached(shipped, sources, options, offline=not streaming)
        timelines = _show_all(coached, shipped, report, overwrite, language, as_json=as_json)
    if as_json:
        from serving_targets.coach.timeline import as_predictions

        say_json(as_predictions(timelines))


def _coached(
    shipped: ShippedCoach, sources: tuple[Path, ...], options: ImportOptions, *, offline: bool
) -> Iterator[Coached]:
    from data.output.progress import counting
    from serving_targets.coaching.page import Coached
    from serving_targets.coaching.recordings import open_recordings

    with (
        open_recordings(sources, options) as (number, sequences),
        counting(make_console(stderr=True), "sequences") as update,
    ):
        for done, sequence in enumerate(sequences, 1):
            yield Coached(sequence, shipped.follow(sequence, offline=offline))
            update(done, number, "")


def _show_all(
    coached: Iterator[Coached],
    shipped: ShippedCoach,
    report: Path | None,
    overwrite: bool,
    language: str,
    *,
    as_json: bool,
) -> list[Timeline]:
    """Show each timeline when it is found, write the page if it is wanted, and return all timelines."""
    from serving_targets.coaching.page import write_page

    timelines: list[Timeline] = []
    console = make_console()

    def passing() -> Iterator[Coached]:
        for each in coached:
            timelines.append(each.timeline)
            if not as_json:
                _show(each.timeline, language, console)
            yield each

    if report is None:
        for _ in passing():
            pass
        return timelines
    write_page(passing(), shipped, language, report, overwrite=overwrite)
    if not as_json:
        say(report)
    return timelines


def _show(timeline: Timeline, language: str, console: Any) -> None:
    from rich.table import Column, Table

    from data.output.terminal import styled
    from serving_targets.coach.words import advice, clock

    table = Table(
        "movement",
        *(Column(heading, justify="right") for heading in ("from", "to", "repetitions", "score")),
        Column("correction", overflow="fold"),
    )
    for each in timeline.segments:
        score = "-" if each.score is None else f"{each.score:.0f}"
        table.add_row(
            each.label,
            clock(each.start),
            clock(each.end),
            f"{each.repetitions:.1f}",
            score,
            advice(each, language),
        )
    console.print(styled((timeline.sequence_id, "bold")))
    console.print(table if timeline.segments else styled("no movement was recognised"))
    for reason, count in timeline.ignored.items():
        console.print(styled(f"{count:,} frames were ignored: {reason}"))


def _coach_live(shipped: ShippedCoach, layout: str | None, language: str, *, as_json: bool) -> None:
    from serving_targets.coaching.live import read_poses

    unread: Counter[str] = Counter()
    coach = shipped.start(layout)
    for pose in read_poses(sys.stdin.buffer, unread):
        for event in coach.push(pose.joints, pose.time):
            _say_event(event, language, as_json=as_json)
    for event in coach.finish():
        _say_event(event, language, as_json=as_json)
    ignored = coach.ignored | dict(unread)
    if as_json:
        say_json({"kind": "finished", "ignored": ignored}, indent=None)
    for reason, count in ignored.items() if not as_json else ():
        say(harmless(f"ignored: {count:,} x {reason}", LONGEST))


def _say_event(event: Event, language: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from serving_targets.coach.words import advice

    if as_json:
        say_json(asdict(event), indent=None)
        return
    line = f"{event.time:8.1f} s  {event.kind:<8} {event.label}"
    if event.kind != "started":
        line += f"  {event.repetitions:.1f} repetitions"
    if event.segment:
        line += "" if event.segment.score is None else f", score {event.segment.score:.0f}"
        said = advice(event.segment, language)
        line += f": {said}" if said else ""
    say(harmless(line, LONGEST))
