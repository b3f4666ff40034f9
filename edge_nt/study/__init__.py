"""Studies: stage 2 against fair controls and ablations, over sites and seeds, with intervals (torch in the arms)."""
