"""The commands for much work and many servers: `rmem worker`, `rmem bulk`, `rmem shards`, and the benchmarks of both."""
