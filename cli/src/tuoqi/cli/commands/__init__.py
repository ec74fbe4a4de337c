"""The commands, a module for each subject; they parse, call and print, and decide nothing."""
