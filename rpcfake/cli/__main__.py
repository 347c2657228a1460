"""``python -m rpcfake.cli``: the command without an installed script."""

from rpcfake.cli import main

main(prog_name="rpcfake")
