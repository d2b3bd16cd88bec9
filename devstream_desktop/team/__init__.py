"""Who may do what: device keys, the vault that seals them, certificates, invites, the signed policy and the author table.

Certificates say who a device is; the policy alone says what it may do. `team.Team` is what the rest of a node holds.
"""
