"""Names by which an executor marks a run that it starts."""

REQUEST, EXECUTOR = "DEVSTREAM_REQUEST", "DEVSTREAM_EXECUTOR"
"""Of variables, parameters or notes: the deploy request, and the device that carries it out.

The first finds the run again; with both a collector knows it for that executor's.
"""
