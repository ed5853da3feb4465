"""Data sets: downloaded once and kept, or shipped with scikit-learn."""
