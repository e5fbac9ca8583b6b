"""The fill by the crystal (method ``retrieval``) put to the paper's protocol, beside the network and a straight line.

Crystals, gaps and scores are those of ``protocol.py``; a crystal's four gaps take some minutes of two cores, so that every
crystal is kept by itself in a folder and a run of the same program goes on where the last one ended. Written are

protocol_crystal_cases.csv    as ``protocol_cases.csv``
protocol_crystal_crops.csv    as ``protocol_crops.csv``, from the crystals that are there

Usage: python benchmarks/protocol_crystal.py --work FOLDER [--first 0] [--number 24] [--effort usual] [--out docs/results]
"""

import argparse
from pathlib import Path

import torch
from shared.protocol_tables import print_means

from braggfill.base.writing import write_table
from braggfill.judging.studies.contenders import CONTENDERS, by_crystal
from braggfill.judging.studies.kept import Kept
from braggfill.judging.studies.protocol import Protocol, carry_out_protocol, crop_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=24)
    parser.add_argument("--effort", default="usual")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(exist_ok=True)

    contenders = {"linear": CONTENDERS["linear"], "unet": CONTENDERS["unet"], "retrieval": by_crystal(arguments.effort)}
    chosen = range(arguments.first, arguments.first + arguments.number)
    kept = Kept(arguments.work / arguments.effort)
    cases, crops = carry_out_protocol(contenders, Protocol(24), lambda done, _: print(done, flush=True), chosen, kept)
    table = crop_table(crops, list(contenders))
    print_means(cases, table)
    if arguments.out:
        write_table(arguments.out / "protocol_crystal_cases.csv", cases)
        write_table(arguments.out / "protocol_crystal_crops.csv", table)


if __name__ == "__main__":
    main()
