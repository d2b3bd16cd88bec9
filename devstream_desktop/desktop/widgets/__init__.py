"""The parts that windows are made of: safe text, colours, icons, dialog helpers."""
