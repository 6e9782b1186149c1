"""A look inside: where gradients die, what truncation costs, what states and gates hold."""

import rnnkit.needs_torch  # noqa: F401 - says what to install
from rnnkit.diagnose.audit import Audited, TruncationAudit, truncation_audit
from rnnkit.diagnose.flow import GateUse, GradientFlow, LayerFlow, gradient_flow
from rnnkit.diagnose.plotting import figure, svg
from rnnkit.diagnose.recurrences import RecurrentWeights, recurrent_weights
from rnnkit.diagnose.subject import Subject
from rnnkit.diagnose.tracing import LayerTrace, StateTrace, trace

__all__ = [
    "Audited",
    "GateUse",
    "GradientFlow",
    "LayerFlow",
    "LayerTrace",
    "RecurrentWeights",
    "StateTrace",
    "Subject",
    "TruncationAudit",
    "figure",
    "gradient_flow",
    "recurrent_weights",
    "svg",
    "trace",
    "truncation_audit",
]
