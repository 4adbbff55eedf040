"""The part of Pyoxide's Python side that imports only the standard library, and as little of it as possible."""
