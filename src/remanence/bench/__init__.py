"""Measuring: real tasks, real peers on the same work in the same run, one result schema, intervals
with every figure."""
