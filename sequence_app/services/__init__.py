"""Every verb of the sequence: propose, confirm, override; import from here."""

from sequence_app.services.answering import confirm, override
from sequence_app.services.proposing import propose, publish_version, resequence_due

__all__ = ["confirm", "override", "propose", "publish_version", "resequence_due"]
