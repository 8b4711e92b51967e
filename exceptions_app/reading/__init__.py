"""From text to structure, without Django: types, master index, pipeline, correlation.

`pipeline.interpret` is the one entry; `master.MasterIndex` is built by the caller from plain rows.
"""
