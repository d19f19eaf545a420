"""The side of whoever calls an API: token sources, caches, and the one outbound fetcher."""
