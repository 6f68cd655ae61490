"""The commands of `rmem`, a module for each kind; `remanence.serve.cli` has the list and loads one when it is called."""
