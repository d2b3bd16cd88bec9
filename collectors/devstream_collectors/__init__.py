"""The sources that devstream knows, and the parts that a collector is made of."""
