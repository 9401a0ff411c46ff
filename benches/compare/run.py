"""equilayer beside its peers: the same workloads in turn, each time in a fresh process.

    pip install -r benches/compare/requirements.txt
    python benches/compare/run.py

Every round runs equilayer and then each peer; ratios are made within a round, so that a machine that drifts drifts for
all alike. Peers: PyTorch eager, with --compile compiled too, and with --rust burn and candle, which have the transformer
alone (`rust_peers`, a crate apart).
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUST_PEERS = HERE / "rust_peers"
WORKLOADS = ["vit_s_step", "vit_s_forward", "vit_s", "digits"]
PLAIN = {"vit_s_step", "vit_s_forward"}


def commands(arguments, workload):
    """What runs a workload, by name; equilayer first."""
    options = ["--workload", workload, "--steps", str(arguments.steps), "--threads", str(arguments.threads)]
    if workload not in PLAIN:
        options += ["--ser", arguments.ser]
    torch = [sys.executable, str(HERE / "torch_peer.py"), *options]
    peers = {"equilayer": [str(ROOT / "target/release/equilayer"), "bench", "--json", *options], "torch": torch}
    if arguments.compile:
        peers["torch compiled"] = [*torch, "--compile"]
    if arguments.rust and workload in PLAIN:
        binary = str(RUST_PEERS / "target/release/rust_peers")
        peers |= {peer: [binary, peer, *options] for peer in ("burn", "candle")}
    return peers


def measure(command):
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def spread(values, digits):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{low:.{digits}f} / {middle:.{digits}f} / {high:.{digits}f}"


def table(workload, found):
    """Times and memory, and how many times equilayer's each peer's are."""
    own = found["equilayer"]
    print(f"\n{workload}, batch {own[0]['batch']}, {len(own)} rounds of {own[0]['steps']} steps")
    print(f"{'':<16}{'ms: min / median / max':>30}{'GFLOP':>10}{'peak MB':>10}{'time ratio':>26}{'memory':>10}")
    for peer, results in found.items():
        times = [result["ms"] for result in results]
        memory = max(result["rss_mb"] for result in results)
        slower = [result["ms"] / mine["ms"] for result, mine in zip(results, own)]
        larger = memory / max(mine["rss_mb"] for mine in own)
        ratios = f"{spread(slower, 2):>26}{larger:>10.2f}" if peer != "equilayer" else ""
        print(f"{peer:<16}{spread(times, 0):>30}{results[0]['gflop']:>10.1f}{memory:>10.0f}{ratios}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=WORKLOADS, action="append", help="all of them if not given")
    parser.add_argument("--ser", choices=["on", "off"], default="on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5, help="in each process, after warming up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="torch.compile too")
    parser.add_argument("--rust", action="store_true", help="burn and candle too")
    parser.add_argument("--json", type=pathlib.Path, help="write all results to this file")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.steps < 1:
        parser.error("--rounds and --steps are at least 1")
    for crate in [ROOT, *([RUST_PEERS] if arguments.rust else [])]:
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=crate, check=True)
    everything = {}
    for workload in arguments.workload or WORKLOADS:
        peers = commands(arguments, workload)
        found = {peer: [] for peer in peers}
        for _ in range(arguments.rounds):
            for peer, command in peers.items():
                found[peer].append(measure(command))
        table(workload, found)
        everything[workload] = found
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
