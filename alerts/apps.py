"""App configuration."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Alerts."""

    name = "alerts"

    def ready(self) -> None:
        """Tell the vault what dies with an epoch, people what a break-glass opens, reports what came."""
        import vault
        from accounts import break_glass
        from alerts import selectors, services
        from deployments import reporting

        break_glass.register("alert", selectors.thing_of)
        reporting.register("alerts", selectors.outcomes_of)

        vault.register_purgeable("alert_detail", services.delete_detail_of, services.oldest_detail)
        vault.register_purgeable("hotlist_removed", services.delete_removed_entries)
