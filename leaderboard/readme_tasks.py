"""The README's tables on the evaluations: what they take, and how near to scikit-learn they are."""

from typing import Any


def evaluation_rates(measured: dict[str, Any]) -> str:
    """The sweep of weights against scikit-learn's, the episodes, and one checkpoint."""
    lines = [
        "| Sweep of 45 weights | Seconds | scikit-learn's | Times faster | Best on validation "
        "| scikit-learn's | Above the minimum | scikit-learn |",
        "| :-- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    rows = measured["sweep"] | {"all twelve": measured["sweep_total"]}
    rows |= {f"20,000 x 2,048, {how}": found for how, found in measured["large"].items()}
    for name, found in rows.items():
        best = [f"{found[key]:.1f} %" if key in found else "" for key in ("best", "sklearn_best")]
        best += [_share(found.get(key)) for key in ("excess", "sklearn_excess")]
        lines.append(
            f"| {name} | {found['seconds']:.2f} | {found['sklearn']:.1f} | {found['ratio']:.1f} "
            f"| {' | '.join(best)} |"
        )
    slowest = {
        head: max(found[head] for found in measured["episodes"].values())
        for head in ("prototypes", "logistic")
    }
    seconds = measured["checkpoint"]
    return "\n".join(
        [
            *lines,
            "",
            f"600 episodes of 5 shots and 600 of 1 take at most {slowest['prototypes']:.2f} s by "
            f"prototypes and {slowest['logistic']:.2f} s by logistic regression, from features. "
            f"One checkpoint takes {seconds['all']:.0f} s: {seconds['linear']:.0f} s for the "
            f"twelve linear evaluations, {seconds['fewshot']:.1f} s for few-shot on eleven sets, "
            f"{seconds['detection']:.0f} s for detection on `scenes`, mmdet's import included. One "
            f"run, an untrained network's features, {measured['threads']} threads.",
        ]
    )


def against_sklearn(record: dict[str, dict[str, float]]) -> str:
    """What the linear protocol gives by our solver and by scikit-learn's."""
    lines = [
        "| Set | Test, by Headwater | By scikit-learn | Weight | scikit-learn's "
        "| Excess of the loss | Predictions that differ |",
        "| :-- | --: | --: | --: | --: | --: | --: |",
    ]
    for name, found in record.items():
        lines.append(
            f"| {name} | {found['test']:.2f} % | {found['sklearn_test']:.2f} % "
            f"| {found['weight']:.2g} | {found['sklearn_weight']:.2g} | {found['loss']:.0e} "
            f"| {found['differing']:.3f} % |"
        )
    return "\n".join(lines)


def _share(excess: float | None) -> str:
    """A relative excess: nothing below 0.1 %, in % from there on."""
    if excess is None:
        return ""
    return f"{100 * excess:.1f} %" if excess >= 1e-3 else "< 0.1 %"
