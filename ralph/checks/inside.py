"""Variables for a command that are set only inside of its sandbox: outside, the loader or a shell would obey them.

A repo says in its `ralph.toml` what its checks find in their environment; `LD_PRELOAD` among it would run the repo's code in
the very program that makes the sandbox. They are carried in under names that mean nothing, so that no list of processes
shows their values.
"""

from collections.abc import Mapping, Sequence

CARRIER = "RALPH_SET_"


def set_inside(argv: Sequence[str], variables: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The command that sets `variables` and becomes `argv`, and what has to be in the environment that it is started with."""
    carried = {f"{CARRIER}{number}": f"{name}={value}" for number, (name, value) in enumerate(variables.items())}
    forgotten = " ".join(f"-u {carrier}" for carrier in carried)
    given = " ".join(f'"${carrier}"' for carrier in carried)
    return ["/bin/sh", "-c", f'exec env {forgotten} -- {given} "$0" "$@"', *argv], carried
