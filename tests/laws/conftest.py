"""How long hypothesis looks: briefly and with fixed seeds as a gate; EXALB_LAWS=hunt looks long, with fresh seeds.

EXALB_LAWS=mutation looks for less than the gate, and not for the simplest example: any that fails is enough there.

It also draws numbers from the constants of imported modules, so a new module can bring a gate new examples.
"""

import os

from hypothesis import HealthCheck, Phase, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("gate", derandomize=True, deadline=None, max_examples=80, suppress_health_check=_SLOW)
settings.register_profile(
    "mutation", settings.get_profile("gate"), max_examples=25, phases=[Phase.explicit, Phase.generate]
)
settings.register_profile("hunt", deadline=None, max_examples=3000, suppress_health_check=_SLOW, print_blob=True)
settings.load_profile(os.environ.get("EXALB_LAWS", "gate"))
