"""Graphs for people and for files: text, drawings, figures, JSON."""
