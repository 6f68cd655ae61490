"""Readers of conversation exports and folders of notes: each turns a file into observations, one at a time."""
