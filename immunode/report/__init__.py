"""Show results: tables for people, JSON for machines, files on disk."""
