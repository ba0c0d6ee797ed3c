"""Outcome: an attack carried out in a process of its own, and what came of it."""

import multiprocessing
import os
import resource
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.siege.attacker import Attacker, is_open
from benchmarks.siege.attacks import ATTACKS

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

SILENT_S = 12.0


@dataclass(frozen=True)
class Outcome:
    """What came of an attack: its answers by status, and how many connections and streams it still has."""

    statuses: Counter[int]
    open: int
    streams: int


def carry_out(number: int, attacker: Attacker, to: "Connection") -> None:
    """In a process of its own: the attack, and what is left of it."""
    os.nice(5)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ATTACKS[number].run(attacker)
    if attacker.silent:
        time.sleep(SILENT_S)
    left = [sum(map(is_open, each)) for each in (attacker.silent, attacker.sessions)]
    to.send(Outcome(attacker.statuses, *left))


def attack(number: int, attacker: Attacker) -> Outcome:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=carry_out, args=(number, attacker, sender))
    process.start()
    sender.close()
    outcome: Outcome = receiver.recv()
    process.join()
    return outcome
