"""Webhooks: the receiver, proofs of the sender, and the queue of stored deliveries."""
