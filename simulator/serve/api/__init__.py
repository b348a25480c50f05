"""The BetronTech API over HTTP (reference, provider API). Its routes and its errors stand on a screen each:
`routes` and `errors`. The app that they are part of is made in `simulator.app`.
"""
