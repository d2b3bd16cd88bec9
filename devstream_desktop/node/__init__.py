"""The node: puts history, team, mesh, intake and deploy together.

One headless process, one asyncio loop, in one thread.

It is the only writer of the history and the only owner of sockets and keys; screens and scripts are
its clients.
"""
