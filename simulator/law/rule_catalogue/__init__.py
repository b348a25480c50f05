"""The conformance catalogue as data, a module a group; `simulator.core.rules` gathers and finds."""
