"""What tokens with a published shape look like. Data; what is a secret by its name only is in redact_assigned.py.

Every pattern begins where a run of letters begins and has bounded repeats, so a search is linear in the text.
"""

import re
from dataclasses import dataclass

_STARTS = (
    r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=[0-9;\[]m)"
    r"|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2}))"
)
"""A token begins after anything but a letter or digit, or after an escape (`\\n`, `%3D`, a colour code) that ends in one."""


@dataclass(frozen=True)
class Format:
    """A kind of token. `keywords` are literal texts (lower case if `any_case`), one of which every match contains."""

    name: str
    keywords: tuple[str, ...]
    pattern: re.Pattern[str]
    any_case: bool = False


def _token(name: str, keywords: tuple[str, ...], body: str, *, ends: str = "") -> Format:
    return Format(name, keywords, re.compile(f"{_STARTS}(?P<secret>{body}){ends}"))


def _after(name: str, keywords: tuple[str, ...], pattern: str) -> Format:
    """A secret that is known by what stands before it, in any case."""
    return Format(name, keywords, re.compile(f"(?i){pattern}"), any_case=True)


_WHOLE = r"(?![A-Za-z0-9_])"
_WORD = r"(?![A-Za-z0-9])"

FORMATS: tuple[Format, ...] = (
    # models
    _token("anthropic-key", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_-]{16,220}"),
    _token("openrouter-key", ("sk-or-",), r"sk-or-v1-[A-Za-z0-9]{32,128}"),
    _token("openai-key", ("sk-",), r"sk-(?:proj|svcacct|admin|None|service)-[A-Za-z0-9_-]{20,220}"),
    _token("langfuse-key", ("sk-lf-",), r"sk-lf-[0-9a-f-]{32,40}"),
    _token(
        "secret-key",
        ("sk-",),
        r"sk-(?=[A-Za-z0-9-]{0,80}[0-9])(?=[A-Za-z0-9-]{0,80}[A-Z])[A-Za-z0-9-]{20,80}",
        ends=_WHOLE,
    ),
    _token("langsmith-key", ("lsv2_",), r"lsv2_(?:pt|sk)_[A-Za-z0-9]{32}_[A-Za-z0-9]{8,12}"),
    _token("groq-key", ("gsk_",), r"gsk_[A-Za-z0-9]{40,80}"),
    _token("xai-key", ("xai-",), r"xai-[A-Za-z0-9]{60,100}"),
    _token("huggingface-token", ("hf_", "api_org_"), r"(?:hf_|api_org_)[A-Za-z0-9]{30,60}"),
    _token("perplexity-key", ("pplx-",), r"pplx-[A-Za-z0-9]{40,60}"),
    _token("replicate-token", ("r8_",), r"r8_[A-Za-z0-9]{37,40}"),
    # code and packages
    _token("github-token", ("gho_", "ghp_", "ghu_", "ghs_", "ghr_"), r"gh[opusr]_[A-Za-z0-9]{30,255}"),
    _token("github-token", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{22,255}"),
    _token("gitlab-token", ("glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "gloas-", "glft-", "glsoat-", "glagent-", "glimt-"), r"gl(?:pat|ptt|dt|rt|cbt|oas|ft|soat|agent|imt)-[A-Za-z0-9_=.-]{20,300}"),
    _token("atlassian-token", ("ATATT3",), r"ATATT3[A-Za-z0-9_=-]{60,250}"),
    _token("npm-token", ("npm_",), r"npm_[A-Za-z0-9]{36}"),
    _token("pypi-token", ("pypi-",), r"pypi-[A-Za-z0-9_-]{40,1000}"),
    _token("rubygems-key", ("rubygems_",), r"rubygems_[a-f0-9]{48}"),
    _token("docker-token", ("dckr_",), r"dckr_[po]at_[A-Za-z0-9_-]{20,60}"),
    _token("postman-key", ("PMAK-",), r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    _token("linear-key", ("lin_",), r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}"),
    _token("notion-key", ("ntn_",), r"ntn_[A-Za-z0-9]{40,60}"),
    _token("figma-token", ("figd_",), r"figd_[A-Za-z0-9_-]{40,60}"),
    # clouds
    _token("aws-key-id", ("AKIA", "ASIA", "ABIA", "ACCA"), r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", ends=_WORD),
    _token("google-key", ("AIza",), r"AIza[A-Za-z0-9_-]{35}", ends=_WORD),
    _token("google-token", ("ya29.",), r"ya29\.[A-Za-z0-9_-]{20,400}"),
    _token("google-secret", ("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_-]{20,60}"),
    _after("azure-key", ("accountkey", "sharedaccesskey"), r"(?:account|sharedaccess)key=(?P<secret>[a-z0-9+/]{40,100}={0,2})"),
    _after("azure-signature", ("sig=",), r"[?&;]sig=(?P<secret>[a-z0-9+/%]{40,80}(?:=|%3d)?)"),
    _token("azure-secret", ("8Q~",), r"[A-Za-z0-9_.-]{3}8Q~[A-Za-z0-9_.~-]{31,34}"),
    _token("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), r"do[opr]_v1_[a-f0-9]{64}"),
    _token("databricks-token", ("dapi",), r"dapi[a-f0-9]{32}(?:-\d)?", ends=_WORD),
    _token("vault-token", ("hvs.", "hvb."), r"hv[sb]\.[A-Za-z0-9_-]{24,300}"),
    _token("tailscale-key", ("tskey-",), r"tskey-[a-z]{2,12}-[A-Za-z0-9-]{16,100}"),
    _token("fly-token", ("fm2_",), r"fm2_[A-Za-z0-9+/=]{40,1000}"),
    _token("supabase-token", ("sbp_",), r"sbp_[a-f0-9]{40}"),
    _token("pulumi-token", ("pul-",), r"pul-[a-f0-9]{40}"),
    _token("planetscale-token", ("pscale_",), r"pscale_[a-z]{2,6}_[A-Za-z0-9_.=-]{32,64}"),
    # services
    _token("slack-token", ("xox", "xapp-"), r"(?:xox[abeoprs](?:\.xox[bp])?-|xapp-)[A-Za-z0-9-]{10,250}"),
    Format(
        "slack-webhook",
        ("hooks.slack.com",),
        re.compile(r"hooks\.slack\.com/(?P<secret>(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,120})"),
    ),
    Format(
        "discord-webhook",
        ("/webhooks/",),
        re.compile(r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{10,22}/(?P<secret>[A-Za-z0-9_-]{40,100})"),
    ),
    Format(  # its first part is a number in Base64, which nothing else looks like
        "discord-token",
        (".",),
        re.compile(
            r"(?P<secret>[MNO][DTjz][AEIMQUYcgk][w-z0-5](?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){4,5}"
            r"[A-Za-z0-9_-]{0,6}\.[A-Za-z0-9_-]{5,7}\.[A-Za-z0-9_-]{25,45})"
        ),
    ),
    _token("telegram-token", (":AA",), r"\d{8,10}:AA[A-Za-z0-9_-]{32,36}"),
    _token(
        "stripe-key",
        ("_live_", "_test_", "_prod_", "whsec_"),
        r"(?:(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,120}|whsec_[A-Za-z0-9+/=]{20,120})",
    ),
    _token("shopify-token", ("shp",), r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    _token("twilio-key", ("SK",), r"SK[0-9a-f]{32}", ends=_WORD),
    _token("sendgrid-key", ("SG.",), r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64}"),
    _token("mailgun-key", ("key-",), r"key-[0-9a-f]{32}", ends=_WORD),
    _token("sentry-token", ("sntry",), r"sntry(?:u_[a-f0-9]{64}|s_[A-Za-z0-9+/=_-]{60,400})"),
    Format("sentry-dsn", ("://",), re.compile(r"://(?P<secret>[a-f0-9]{32}(?::[a-f0-9]{32})?)@(?=[A-Za-z0-9.-]{1,200}/)")),
    _token("grafana-token", ("glsa_", "glc_"), r"(?:glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,400})"),
    _token("newrelic-key", ("NRAK-",), r"NRAK-[A-Z0-9]{27}"),
    _token("doppler-token", ("dp.",), r"dp\.(?:pt|st|sa|ct|scim|audit)\.[A-Za-z0-9._-]{40,80}"),
    _token("age-key", ("AGE-SECRET-KEY-",), r"AGE-SECRET-KEY-1[0-9A-Z]{50,70}"),
    # whatever the service
    _token("jwt", ("eyJ",), r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{0,2000}"),
    _after(
        "bearer-token",
        ("bearer",),
        r"(?<![A-Za-z])bearer(?:\s|%20|\+){1,3}(?P<secret>(?=[A-Za-z0-9._~+/-]{0,200}[0-9])[A-Za-z0-9._~+/-]{12,4000}={0,2})",
    ),
    _after(
        "authorization",
        ("authorization",),
        r"authorization(?:\\{0,7}[\"'])?\s{0,3}[:=]\s{0,3}(?:\\{0,7}[\"'])?(?:basic|token|apikey)\s{1,3}(?P<secret>[A-Za-z0-9._~+/-]{8,4000}={0,2})",
    ),
    _after(
        "session",
        ("sessionid", "jsessionid", "phpsessid", "connect.sid", "session=", "_session", "sessid"),
        r"(?:sessionid|jsessionid|phpsessid|sessid|connect\.sid|(?:[a-z]{2,20}_)?session(?:_id)?)=(?P<secret>(?=[^;\s]{0,60}[0-9])[A-Za-z0-9%._~+/-]{16,4000})",
    ),
    Format(
        "url-password",
        ("://",),
        re.compile(r"://[^\s:/@\"'<>?#]{0,100}:(?P<secret>[^\s/@\"'<>{}$*]{3,200})@(?=[A-Za-z0-9_\[.-])"),
    ),
    _after("url-password", ("curl",), r"\s(?:-u|--user)[\s=]{1,3}[\"']?[\w.@-]{1,60}:(?P<secret>[^\s\"'$]{4,200})"),
)  # fmt: skip

PEM_BEGIN = re.compile(r"-----BEGIN[ +][A-Z0-9 +]{0,30}PRIVATE[ +]KEY(?:[ +]BLOCK)?-----")
PEM_END = "-----END"
PEM_END_REST = re.compile(r"-----END[ +][A-Z0-9 +]{0,40}-----")
PEM_BODY = re.compile(r"(?:[A-Za-z0-9+/=\s]|\\{1,8}[nr])*")

KINDS = (*(form.name for form in FORMATS), "secret", "assigned", "private-key")
