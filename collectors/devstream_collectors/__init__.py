"""The sources devstream knows: one small, pure file each, found by the entry point group `devstream.collectors`."""
