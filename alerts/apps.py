"""App configuration."""

from django.apps import AppConfig

from csoc.lib import events


class AlertsConfig(AppConfig):
    """Alerts."""

    name = "alerts"

    def ready(self) -> None:
        """Tell the vault what dies with an epoch, people what a break-glass opens, reports what came."""
        import vault
        from accounts import break_glass
        from alerts import refusals, selectors, services
        from alerts.handoff import selectors as handed_off
        from alerts.handoff import sending
        from deployments import reporting

        break_glass.register("alert", selectors.thing_of)
        reporting.register("alerts", selectors.outcomes_of)

        events.on("trailer.two_places", refusals.count_two_places)
        vault.register_purgeable("alert_detail", services.delete_detail_of, services.oldest_detail)
        vault.register_purgeable("hand_off", sending.end_expired, handed_off.oldest_document)
        vault.register_purgeable("hotlist_removed", services.delete_removed_entries)
        events.on("device.refused", refusals.count_one)
