/**
 * The texts that receivers have unless told otherwise, under Alertmanager's names, so that templates written for it
 * find what they call and people read what they are used to. What Pharos adds stands where it knows more: how many of
 * all are affected, and where to acknowledge: before the alerts, whose end receivers cut off where there are many.
 */
const COMMON = `
{{ define "__alertmanager" }}Pharos{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/alerts?receiver={{ .Receiver | urlquery }}{{ end }}

{{ define "__affected" }}{{ if .Population }}Affected: {{ template "__population" . }}{{ "\\n" }}{{ end }}{{ end }}
{{ define "__population" }}{{ with .Population }}{{ .Affected }}/{{ .Total }} {{ .Label }}{{ end }}{{ end }}

{{ define "__subject" -}}
  [{{ toUpper .Status }}{{ if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end }}] {{ join " " .GroupLabels.Values }}
  {{- $others := .CommonLabels.Remove .GroupLabels.Names }}{{ " " }}
  {{- with $others }}({{ join " " .Values }}){{ end }}
  {{- if .Population }}{{ if $others }} {{ end }}on {{ template "__population" . }}{{ end }}
{{- end }}
{{ define "__description" }}{{ end }}

{{ define "__text_alert_list" -}}
  {{ range . -}}
    Labels:{{ "\\n" }}
    {{- range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}{{ "\\n" }}{{ end -}}
    Annotations:{{ "\\n" }}
    {{- range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}{{ "\\n" }}{{ end -}}
    Source: {{ .GeneratorURL }}{{ "\\n" }}
  {{- end }}
{{- end }}

{{ define "__text_alert_list_markdown" -}}
  {{ range . -}}
    {{ "\\n" }}Labels:{{ "\\n" }}
    {{- range .Labels.SortedPairs }}{{ "  " }}- {{ .Name }} = {{ .Value }}{{ "\\n" }}{{ end -}}
    {{ "\\n" }}Annotations:{{ "\\n" }}
    {{- range .Annotations.SortedPairs }}{{ "  " }}- {{ .Name }} = {{ .Value }}{{ "\\n" }}{{ end -}}
    {{ "\\n" }}Source: {{ .GeneratorURL }}{{ "\\n" }}
  {{- end }}{{ "\\n" }}
{{- end }}

{{ define "__links" -}}
  {{ with .Escalation }}Escalated: {{ .Policy }}, step {{ .Step }}{{ with .Reason }} ({{ . }}){{ end }}{{ "\\n" }}{{ end }}
  {{- with .Incident }}Incident: {{ .URL }}{{ "\\n" }}
    {{- with .AcknowledgeURL }}Acknowledge: {{ . }}{{ "\\n" }}{{ end }}
  {{- end }}
  {{- with .SilenceURL }}Silence: {{ . }}{{ "\\n" }}{{ end }}
{{- end }}

{{ define "__annotations" }}{{ join " " .CommonAnnotations.Values }}{{ "\\n" }}{{ end }}

{{ define "__lists" -}}
  {{ template "__links" . }}{{ if .Alerts.Firing }}{{ "\\n" }}Alerts Firing:{{ "\\n" }}{{ template "__text_alert_list" .Alerts.Firing }}{{ "\\n" }}{{ end }}{{ "\\n" }}
  {{- if .Alerts.Resolved }}{{ "\\n" }}Alerts Resolved:{{ "\\n" }}{{ template "__text_alert_list" .Alerts.Resolved }}{{ "\\n" }}{{ end }}{{ "\\n" }}
{{- end }}

{{ define "__lists_close" -}}
  {{ if .Alerts.Firing }}Alerts Firing:{{ "\\n" }}{{ template "__text_alert_list" .Alerts.Firing }}{{ end }}{{ "\\n" }}
  {{- if .Alerts.Resolved }}Alerts Resolved:{{ "\\n" }}{{ template "__text_alert_list" .Alerts.Resolved }}{{ end }}
{{- end }}

{{ define "__lists_markdown" -}}
  {{ template "__links_markdown" . }}{{ "\\n" }}{{ if .Alerts.Firing }}{{ "\\n" }}# Alerts Firing:{{ "\\n" }}{{ template "__text_alert_list_markdown" .Alerts.Firing }}{{ "\\n" }}{{ end }}{{ "\\n" }}
  {{- if .Alerts.Resolved }}{{ "\\n" }}# Alerts Resolved:{{ "\\n" }}{{ template "__text_alert_list_markdown" .Alerts.Resolved }}{{ "\\n" }}{{ end }}{{ "\\n" }}
{{- end }}

{{ define "__links_markdown" -}}
  {{ with .Escalation }}Escalated: {{ .Policy }}, step {{ .Step }}{{ with .Reason }} ({{ . }}){{ end }}{{ "\\n\\n" }}{{ end }}
  {{- with .Incident }}[Incident]({{ .URL }}){{ with .AcknowledgeURL }} · [Acknowledge]({{ . }}){{ end }}{{ "\\n" }}{{ end }}
{{- end }}
`;

const RECEIVERS = `
{{ define "slack.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "slack.default.fallback" }}{{ template "slack.default.title" . }} | {{ template "slack.default.titlelink" . }}{{ end }}
{{ define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "slack.default.color" }}{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}{{ end }}
{{ define "slack.default.text" -}}
  {{ with .Escalation }}Escalated: {{ .Policy }}, step {{ .Step }}{{ with .Reason }} ({{ . }}){{ end }}{{ "\\n" }}{{ end }}
  {{- with .Incident }}<{{ .URL }}|Incident>{{ with .AcknowledgeURL }} · <{{ . }}|Acknowledge>{{ end }}{{ end }}
{{- end }}
{{ define "slack.default.callbackid" }}{{ end }}
{{ define "slack.default.pretext" }}{{ end }}
{{ define "slack.default.iconemoji" }}{{ end }}
{{ define "slack.default.iconurl" }}{{ end }}
{{ define "slack.default.footer" }}{{ end }}

{{ define "pagerduty.default.description" }}{{ template "__subject" . }}{{ end }}
{{ define "pagerduty.default.client" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "pagerduty.default.clientURL" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "pagerduty.default.instances" }}{{ template "__text_alert_list" . }}{{ end }}

{{ define "opsgenie.default.message" }}{{ template "__subject" . }}{{ end }}
{{ define "opsgenie.default.description" }}{{ template "__annotations" . }}{{ template "__links" . }}{{ template "__lists_close" . }}{{ end }}
{{ define "opsgenie.default.source" }}{{ template "__alertmanagerURL" . }}{{ end }}

{{ define "victorops.default.entity_display_name" }}{{ template "__subject" . }}{{ end }}
{{ define "victorops.default.state_message" }}{{ template "__annotations" . }}{{ template "__links" . }}{{ template "__lists_close" . }}{{ end }}
{{ define "victorops.default.monitoring_tool" }}{{ template "__alertmanager" . }}{{ end }}

{{ define "wechat.default.message" -}}
  {{ template "__subject" . }}{{ "\\n" }}
  {{- template "__annotations" . }}{{ template "__links" . }}{{ template "__lists_close" . }}{{ "\\n" -}}
  AlertmanagerUrl:{{ "\\n" }}{{ template "__alertmanagerURL" . }}
{{- end }}
{{ define "wechat.default.to_user" }}{{ end }}
{{ define "wechat.default.to_party" }}{{ end }}
{{ define "wechat.default.to_tag" }}{{ end }}
{{ define "wechat.default.agent_id" }}{{ end }}

{{ define "pushover.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "pushover.default.message" }}{{ template "__annotations" . }}{{ template "__lists" . }}{{ end }}
{{ define "pushover.default.url" }}{{ with .Incident }}{{ .URL }}{{ else }}{{ template "__alertmanagerURL" . }}{{ end }}{{ end }}

{{ define "sns.default.subject" }}{{ template "__subject" . }}{{ end }}
{{ define "sns.default.message" }}{{ template "__annotations" . }}{{ template "__lists" . }}{{ end }}

{{ define "telegram.default.message" }}{{ template "__affected" . }}{{ "\\n" }}{{ template "__lists" . }}{{ end }}

{{ define "discord.default.content" }}{{ end }}
{{ define "discord.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "discord.default.message" }}{{ "\\n" }}{{ template "__lists" . }}{{ end }}

{{ define "webex.default.message" }}{{ template "__affected" . }}{{ template "__annotations" . }}{{ template "__lists" . }}{{ end }}

{{ define "msteams.default.summary" }}{{ template "__subject" . }}{{ end }}
{{ define "msteams.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "msteams.default.text" }}{{ template "__lists_markdown" . }}{{ end }}

{{ define "msteamsv2.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "msteamsv2.default.titleLink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "msteamsv2.default.text" }}{{ template "__lists_markdown" . }}{{ end }}

{{ define "jira.default.summary" }}{{ template "__subject" . }}{{ end }}
{{ define "jira.default.description" }}{{ template "__lists_markdown" . }}{{ end }}
{{ define "jira.default.priority" -}}
  {{ $alerts := .Alerts.Firing }}{{ if not $alerts }}{{ $alerts = .Alerts.Resolved }}{{ end -}}
  {{ $priority := "" -}}
  {{ range $alerts }}{{ $severity := .Labels.severity -}}
    {{ if eq $severity "critical" }}{{ $priority = "High" -}}
    {{ else if and (eq $severity "warning") (ne $priority "High") }}{{ $priority = "Medium" -}}
    {{ else if and (eq $severity "info") (eq $priority "") }}{{ $priority = "Low" }}{{ end -}}
  {{ end }}{{ $priority }}
{{- end }}

{{ define "rocketchat.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "rocketchat.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "rocketchat.default.alias" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "rocketchat.default.text" }}{{ with .Incident }}[Incident]({{ .URL }}){{ with .AcknowledgeURL }} · [Acknowledge]({{ . }}){{ end }}{{ end }}{{ end }}
{{ define "rocketchat.default.emoji" }}{{ end }}
{{ define "rocketchat.default.iconurl" }}{{ end }}

{{ define "mattermost.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "mattermost.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "mattermost.default.fallback" }}{{ template "mattermost.default.title" . }} | {{ template "mattermost.default.titlelink" . }}{{ end }}
{{ define "mattermost.default.color" }}{{ if eq .Status "firing" }}#d63232{{ else }}#36a64f{{ end }}{{ end }}
{{ define "mattermost.default.username" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "mattermost.default.text" }}{{ template "__lists_markdown" . }}{{ end }}
{{ define "mattermost.default.pretext" }}{{ end }}
{{ define "mattermost.default.iconurl" }}{{ end }}
{{ define "mattermost.default.iconemoji" }}{{ end }}
{{ define "mattermost.default.footer" }}{{ end }}

{{ define "incidentio.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "incidentio.default.description" }}{{ template "__annotations" . }}{{ template "__links" . }}{{ template "__lists_close" . }}{{ end }}
`;

const EMAIL = `
{{ define "email.default.subject" }}{{ template "__subject" . }}{{ end }}

{{ define "email.default.text" -}}
  {{ template "__subject" . }}{{ "\\n\\n" }}
  {{- with .CommonAnnotations.SortedPairs }}{{ range . }}{{ .Name }}: {{ .Value }}{{ "\\n" }}{{ end }}{{ "\\n" }}{{ end }}
  {{- template "__lists" . -}}
  {{ template "__alertmanagerURL" . }}{{ "\\n" }}
{{- end }}

{{ define "__email_alerts" -}}
{{ range $i, $alert := . }}{{ if lt $i 200 }}
<tr><td style="padding:12px 24px;border-top:1px solid #e3e6ea">
{{ with .Annotations.summary }}<p style="margin:0 0 8px;font-weight:600">{{ . }}</p>{{ end }}
<table role="presentation" cellpadding="0" cellspacing="0" style="font-size:13px">
{{ range .Labels.SortedPairs }}<tr><td style="padding:1px 12px 1px 0;color:#5b6570">{{ .Name }}</td><td style="padding:1px 0">{{ .Value }}</td></tr>
{{ end }}{{ range .Annotations.SortedPairs }}{{ if ne .Name "summary" }}<tr><td style="padding:1px 12px 1px 0;color:#5b6570">{{ .Name }}</td><td style="padding:1px 0">{{ .Value }}</td></tr>
{{ end }}{{ end }}<tr><td style="padding:1px 12px 1px 0;color:#5b6570">since</td><td style="padding:1px 0">{{ .StartsAt.Format "2006-01-02 15:04:05 MST" }}</td></tr>
</table>
{{ with .GeneratorURL }}<p style="margin:8px 0 0"><a href="{{ . }}" style="color:#1a5fb4">Source</a></p>{{ end }}
</td></tr>
{{ else if eq $i 200 }}
<tr><td style="padding:12px 24px;border-top:1px solid #e3e6ea">Only the first 200 are shown.</td></tr>
{{ end }}{{ end }}
{{- end }}

{{ define "__email_button" }}<a href="{{ .url }}" style="display:inline-block;margin:0 8px 8px 0;padding:8px 16px;border-radius:4px;background:{{ .color }};color:#ffffff;text-decoration:none">{{ .text }}</a>{{ end }}

{{ define "email.default.html" -}}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ template "__subject" . }}</title>
</head>
<body style="margin:0;padding:24px 8px;background:#f2f4f6;color:#1c2126;font:14px/1.5 Helvetica,Arial,sans-serif">
<table role="presentation" align="center" cellpadding="0" cellspacing="0" style="width:100%;max-width:640px;margin:0 auto;background:#ffffff;border-radius:6px;overflow:hidden">
<tr><td style="padding:16px 24px;color:#ffffff;font-size:16px;background:{{ if eq .Status "firing" }}#c01c28{{ else }}#26734d{{ end }}">
{{ len .Alerts }} alert{{ if gt (len .Alerts) 1 }}s{{ end }} for {{ range $i, $pair := .GroupLabels.SortedPairs }}{{ if $i }} {{ end }}{{ .Name }}={{ .Value }}{{ end }}
{{ if .Population }}<br>{{ template "__population" . }} affected{{ end }}
</td></tr>
<tr><td style="padding:20px 24px 12px">
{{ with .Escalation }}<p style="margin:0 0 12px">Escalated: {{ .Policy }}, step {{ .Step }}{{ with .Reason }} ({{ . }}){{ end }}</p>{{ end }}
{{ with .Incident }}{{ with .AcknowledgeURL }}{{ template "__email_button" dict "url" . "text" "Acknowledge" "color" "#1a5fb4" }}{{ end }}{{ template "__email_button" dict "url" .URL "text" "Incident" "color" "#3d4752" }}{{ end }}
<a href="{{ template "__alertmanagerURL" . }}" style="display:inline-block;margin:0 8px 8px 0;padding:8px 16px;border-radius:4px;background:#3d4752;color:#ffffff;text-decoration:none">View in {{ template "__alertmanager" . }}</a>
{{ with .SilenceURL }}{{ template "__email_button" dict "url" . "text" "Silence" "color" "#3d4752" }}{{ end }}
</td></tr>
{{ with .Chart }}<tr><td style="padding:0 20px 12px"><a href="{{ .URL }}"><img src="cid:{{ .ContentID }}" alt="{{ .Title }}" width="600" style="width:100%;max-width:600px;height:auto;border:0"></a></td></tr>{{ end }}
{{ if .Alerts.Firing }}
<tr><td style="padding:8px 24px;font-weight:700;color:#c01c28">[{{ len .Alerts.Firing }}] Firing</td></tr>
{{ template "__email_alerts" .Alerts.Firing }}
{{ end }}
{{ if .Alerts.Resolved }}
<tr><td style="padding:8px 24px;font-weight:700;color:#26734d">[{{ len .Alerts.Resolved }}] Resolved</td></tr>
{{ template "__email_alerts" .Alerts.Resolved }}
{{ end }}
<tr><td style="padding:16px 24px;border-top:1px solid #e3e6ea;font-size:12px;color:#5b6570">Sent by <a href="{{ .ExternalURL }}" style="color:#5b6570">{{ template "__alertmanager" . }}</a></td></tr>
</table>
</body>
</html>
{{ end }}
`;

/** All definitions, in one text. */
export const DEFAULT_TEMPLATES = COMMON + RECEIVERS + EMAIL;
