"""The BetronTech API over HTTP (reference, provider API): its routes, prebuilt lists and injected faults."""
