"""Control of a node by the screens and scripts of its home.

Requests and answers are msgpack over nng's ipc, in a private folder.

The desk and the command have equal rights: what a screen can do, a script can do. Rows are not sent
here: both read the history themselves, and `Wait` tells them when there is something new.
"""
