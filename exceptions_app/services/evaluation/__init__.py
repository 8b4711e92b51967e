"""How well messages are read: labelled messages in, figures out, nothing left behind."""

from exceptions_app.services.evaluation.gold import BadGold, GoldMessage, Problem, read_gold
from exceptions_app.services.evaluation.master import Master, read_master
from exceptions_app.services.evaluation.running import Answer, Evaluation, evaluate
from exceptions_app.services.evaluation.scoring import Miss, Report, score

__all__ = [
    "Answer",
    "BadGold",
    "Evaluation",
    "GoldMessage",
    "Master",
    "Miss",
    "Problem",
    "Report",
    "evaluate",
    "read_gold",
    "read_master",
    "score",
]
