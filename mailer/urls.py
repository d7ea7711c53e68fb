from __future__ import annotations

from django.urls import path

from mailer.views import (
    attachments,
    attempts,
    audience,
    choices,
    content,
    domains,
    health,
    home,
    mailcatcher,
    mailings,
    messages,
    preflight,
    previews,
    rates,
    recipients,
    suppressions,
    trials,
    unsubscribe,
    users,
)

mailcatcher_urls = [
    path("mailcatcher/", mailcatcher.inbox, name="mailcatcher_inbox"),
    path("mailcatcher/clear/", mailcatcher.clear, name="mailcatcher_clear"),
    path("mailcatcher/<str:key>/", mailcatcher.mail, name="mailcatcher_mail"),
    path("mailcatcher/<str:key>/html/", mailcatcher.html, name="mailcatcher_html"),
    path("mailcatcher/<str:key>/files/<int:number>/", mailcatcher.file, name="mailcatcher_file"),
    path("mailcatcher/<str:key>/source/", mailcatcher.source, name="mailcatcher_source"),
]

health_urls = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

recipient_urls = [
    path("recipients/", recipients.recipient_list, name="recipient_list"),
    path("recipients/new/", recipients.create_recipient, name="recipient_create"),
    path("recipients/import/", recipients.import_page, name="recipient_import"),
    path("recipients/export/", recipients.export_recipients, name="recipient_export"),
    path("recipients/<int:pk>/", recipients.recipient_detail, name="recipient_detail"),
    path("recipients/<int:pk>/edit/", recipients.edit_recipient, name="recipient_edit"),
    path("recipients/<int:pk>/delete/", recipients.delete_recipient, name="recipient_delete"),
]

suppression_urls = [
    path("suppressions/", suppressions.suppression_list, name="suppression_list"),
    path("suppressions/add/", suppressions.add_suppressions, name="suppression_add"),
    path("suppressions/export/", suppressions.export_suppressions, name="suppression_export"),
    path("suppressions/<int:pk>/", suppressions.suppression_detail, name="suppression_detail"),
    path("suppressions/<int:pk>/lift/", suppressions.lift_suppression, name="suppression_lift"),
]

message_urls = [
    path("messages/", messages.message_list, name="message_list"),
    path("messages/new/", messages.create_message, name="message_create"),
    path("messages/<int:pk>/", messages.message_detail, name="message_detail"),
    path("messages/<int:pk>/edit/", messages.edit_message, name="message_edit"),
    path("messages/<int:pk>/delete/", messages.delete_message, name="message_delete"),
    path("messages/<int:pk>/duplicate/", messages.duplicate_message, name="message_duplicate"),
    path("messages/<int:pk>/test/", trials.try_message, name="message_test"),
    path("messages/preview/", previews.preview_new, name="message_preview_new"),
    path("messages/<int:pk>/preview/", previews.preview, name="message_preview"),
    path("messages/recipients/", previews.people, name="message_people_new"),
    path("messages/<int:pk>/recipients/", previews.people, name="message_people"),
    path("messages/<int:pk>/attachments/", attachments.add_attachments, name="message_attach"),
    path("messages/<int:pk>/attachments/<int:attachment_pk>/", attachments.download, name="message_attachment"),
    path(
        "messages/<int:pk>/attachments/<int:attachment_pk>/remove/",
        attachments.remove_attachment,
        name="message_detach",
    ),
    path("messages/pictures/<str:token>/", attachments.picture, name="message_picture"),
]

mailing_urls = [
    path("mailings/", mailings.mailing_list, name="mailing_list"),
    path("mailings/new/", mailings.create_mailing, name="mailing_create"),
    path("mailings/<int:pk>/", mailings.mailing_detail, name="mailing_detail"),
    path("mailings/<int:pk>/edit/", mailings.edit_mailing, name="mailing_edit"),
    path("mailings/<int:pk>/delete/", mailings.delete_mailing, name="mailing_delete"),
    path("mailings/<int:pk>/duplicate/", mailings.duplicate_mailing, name="mailing_duplicate"),
    path("mailings/<int:pk>/rate/", rates.mailing_rate, name="mailing_rate"),
    path("mailings/<int:pk>/audience/", audience.mailing_audience, name="mailing_audience"),
    path("mailings/<int:pk>/people/", preflight.mailing_people, name="mailing_people"),
    path("mailings/<int:pk>/test/", trials.try_mailing, name="mailing_test"),
    path("mailings/<int:pk>/content/", content.content_page, name="mailing_content"),
    path("mailings/<int:pk>/content/preview/", content.content_preview, name="mailing_content_preview"),
    path("mailings/<int:pk>/deliveries/", attempts.delivery_list, name="delivery_list"),
    path("mailings/<int:pk>/deliveries/export/", attempts.export_deliveries, name="delivery_export"),
    path("mailings/<int:pk>/deliveries/<int:delivery_pk>/", attempts.delivery_detail, name="delivery_detail"),
    path("mailings/<int:pk>/choose/<str:choice>/", choices.choose, name="mailing_choose"),
    path("mailings/<int:pk>/deliveries/<int:delivery_pk>/<str:choice>/", choices.choose_one, name="delivery_choose"),
    path("mailings/<int:pk>/attempts/", attempts.attempt_list, name="attempt_list"),
    path("mailings/<int:pk>/attempts/export/", attempts.export_attempts, name="attempt_export"),
    path("mailings/<int:pk>/<str:action>/", mailings.change_mailing_status, name="mailing_action"),
]

domain_urls = [
    path("domains/", domains.domain_page, name="domain_page"),
    path("domains/report/", domains.domain_report, name="domain_report"),
]

user_urls = [
    path("users/", users.user_list, name="user_list"),
    path("users/<int:pk>/", users.user_detail, name="user_detail"),
    path("users/<int:pk>/<str:act>/", users.act_on_user, name="user_act"),
]

urlpatterns = [
    path("", home.home, name="home"),
    path("sending-rate/", rates.site_rate_page, name="site_rate"),
    *recipient_urls,
    *suppression_urls,
    path("u/<str:token>/", unsubscribe.unsubscribe_page, name="unsubscribe"),
    path("u/<str:token>", unsubscribe.unsubscribe_page, name="unsubscribe_bare"),  # RFC 8058: no redirect
    *message_urls,
    *mailing_urls,
    *domain_urls,
    *user_urls,
    *mailcatcher_urls,
    *health_urls,
]
