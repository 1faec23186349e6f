"""Write a policy, beat first-fit, show it is significant.

    python crates/python/examples/beat_first_fit.py [FOLDER]

The results go to FOLDER, "beat-first-fit" unless given.
"""

import sys
from pathlib import Path

import plimsoll_sim as ps

EXPERIMENT = Path(__file__).with_suffix(".toml")
METRICS = ["host_hours", "host_hours_gap", "hosts_peak"]


def norm_fit(task, node):
    """The shortest vector of what would be left (Panigrahy et al. 2011)."""
    cpu = (node.free_cpu_milli - task.cpu_milli) / node.cpu_milli
    memory = (node.free_memory_mib - task.memory_mib) / node.memory_mib
    return -(cpu * cpu + memory * memory)


def memory_first(task, node):
    """Memory is what this workload runs out of: the least of it left, and a tenth of a thought for CPU."""
    cpu = (node.free_cpu_milli - task.cpu_milli) / node.cpu_milli
    memory = (node.free_memory_mib - task.memory_mib) / node.memory_mib
    return -(memory + cpu / 10)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "beat-first-fit"

    result = ps.run(EXPERIMENT, {"norm-fit": ps.Score(norm_fit), "memory first": ps.Score(memory_first)})
    print(f"{result}\n")

    # The tenth was found by trying these seeds, so the test takes others.
    fresh = ps.run(EXPERIMENT, {"memory first": ps.Score(memory_first)}, seeds=range(101, 121))
    for other in ["first-fit", "best-fit"]:
        print(f"memory first against {other}, fresh seeds")
        print(f"{fresh.compare('memory first', other, METRICS)}\n")

    print(f"{result.timing}\n")
    for path in fresh.write(folder):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
