"""Every setting, once: its name in the environment, its default as one would write it there, and what it does.

A setting arrives as the value the services use: a span as `timedelta`, a size in bytes, "off" as None.
"""

from typing import Any
from urllib.parse import urlsplit

from app.config import kinds, texts
from app.config.chat_fields import ChatFields
from app.config.declaring import secret, setting

REPLICATE = "https://api.replicate.com"
FAL = "https://queue.fal.run"
_JWKS = "/.well-known/jwks.json"

# Each stands for all hosts below it too.  Anyone can publish there, as anyone can run a model: the list keeps
# strangers from sending us all over the web, it vouches for nobody.  storage.googleapis.com is where fal puts an
# output when its own CDN fails.  api.replicate.com is missing because its files want a token, and no source gets one.
DELIVERY_HOSTS = ("replicate.delivery", "fal.media", "storage.googleapis.com")


def _database(earlier: dict[str, Any]) -> str:
    return f"{texts.SQLITE}{earlier['image_storage_path'].parent / 'holdfast.db'}"


def _host(earlier: dict[str, Any]) -> str:
    return "" if earlier["api_keys"] else "127.0.0.1"


def _sources(earlier: dict[str, Any]) -> str:
    apis = ((earlier["replicate_base_url"], REPLICATE), (earlier["fal_queue_url"], FAL))
    own = dict.fromkeys(urlsplit(base).hostname or "" for base, usual in apis if base != usual)
    return ",".join((*DELIVERY_HOSTS, *own))


def _fal_rest(earlier: dict[str, Any]) -> str:
    keys: str = earlier["fal_jwks_url"]
    return keys.removesuffix(_JWKS)


class Fields(ChatFields):
    """The declarations, but for those of chats.  A default that is a function follows from the settings above it."""

    # Who may ask, and where we listen
    api_keys: kinds.Keys = secret("API_KEYS")
    """Service keys, separated by commas. Without any the service is for this machine only."""
    signing_keys: kinds.Keys = secret("SIGNING_KEYS")
    """Keys for user tokens and signed URLs. The first signs, all verify. Empty: one is made, beside the catalog."""
    image_access: kinds.ImageAccess = setting("IMAGE_ACCESS", "public")
    """public: whoever has an image's URL may read it. signed: the URL must carry a signature too."""
    host: kinds.Host = setting("HOST", _host)
    """Address to listen on. Empty: loopback without API_KEYS, with them every interface (IPv4 and IPv6)."""
    port: kinds.Port = setting("PORT", "8080")
    """Port to listen on. 0 takes any that is free."""
    public_base_url: kinds.Origin = setting("PUBLIC_BASE_URL")
    """What stable URLs begin with. Empty: https://$RAILWAY_PUBLIC_DOMAIN. Without any there are no webhooks."""
    metrics_token: kinds.Secret = secret("METRICS_TOKEN")
    """Bearer token that /metrics asks for. Empty: open to anyone."""
    workers: kinds.Workers = setting("WORKERS", "1")
    """Processes that answer requests, on one port. What is bounded below is divided among them, or counted by all."""
    log_level: kinds.LogLevel = setting("LOG_LEVEL", "info")
    """debug, info, warn or error."""
    shutdown_grace: kinds.Seconds = setting("SHUTDOWN_GRACE_SECONDS", "25")
    """How long requests may finish after SIGTERM. Keep it below what the platform waits before SIGKILL."""
    drop_to_uid: kinds.UserNumber = setting("DROP_TO_UID")
    """Started as root, own the data folder and go on as this user. The Docker image sets 10001."""

    # Where things are kept
    image_storage_path: kinds.Folder = setting("IMAGE_STORAGE_PATH", "./data/images")
    """Folder of the images. On Railway the default is $RAILWAY_VOLUME_MOUNT_PATH/images."""
    database_url: kinds.DatabaseUrl = secret("DATABASE_URL", _database)
    """The catalog. Empty: the SQLite file holdfast.db beside the folder of the images."""

    volume_reserve: kinds.PositiveMebibytes = setting("VOLUME_RESERVE_MB", "16")
    """MiB of the volume that no image may fill, for deletions and the catalog; a tenth of the volume at most."""
    image_cache: kinds.Mebibytes = setting("IMAGE_CACHE_MB", "64")
    """MiB of memory, in each process, for images that are asked for often. 0: all come from the volume."""

    # Variants
    image_variant_widths: kinds.Widths = setting("IMAGE_VARIANT_WIDTHS", "160,320,640,1080")
    """Widths that ?w= may ask for, in pixels, separated by commas."""
    image_gallery_width: kinds.CountOrOff = setting("IMAGE_GALLERY_WIDTH", "320")
    """Of these, the one made in WebP as an image arrives: a gallery's first look waits for nothing. 0: none."""
    variant_cache: kinds.Mebibytes = setting("VARIANT_CACHE_MB", "512")
    """MiB of variants kept beside the images, at most a tenth of the volume. 0: each is made anew."""
    variant_workers: kinds.Count = setting("VARIANT_WORKERS", "1")
    """Processes that make variants. They give way to those that decode images."""
    variant_queue_limit: kinds.Count = setting("VARIANT_QUEUE_LIMIT", "128")
    """How many variants may wait to be made. More are refused with 503."""

    # Replicate
    replicate_api_token: kinds.Secret = secret("REPLICATE_API_TOKEN")
    """Without it nothing can be generated here; importing works."""
    replicate_base_url: kinds.Api = setting("REPLICATE_BASE_URL", REPLICATE)
    """Address of the API, without /v1."""
    replicate_webhook_secret: kinds.WebhookSecret = secret("REPLICATE_WEBHOOK_SECRET")
    """Verifies webhooks: whsec_ and base64, from Replicate's settings or its API."""
    generation_deadline: kinds.PositiveMinutes = setting("GENERATION_DEADLINE_MINUTES", "60")
    """Providers are asked to cancel what has not finished by then."""

    # fal
    fal_key: kinds.Secret = secret("FAL_KEY")
    """Without it nothing runs on fal."""
    fal_queue_url: kinds.Api = setting("FAL_QUEUE_URL", FAL)
    """Address of the queue's API."""
    fal_jwks_url: kinds.Api = setting("FAL_JWKS_URL", f"https://rest.fal.ai{_JWKS}")
    """Where the keys are that fal signs its webhooks with."""
    fal_rest_url: kinds.Api = setting("FAL_REST_URL", _fal_rest)
    """Address of fal's storage. Empty: where FAL_JWKS_URL lies."""
    fal_use_upload: kinds.Switch = setting("FAL_USE_UPLOAD", "false")
    """true: inputs are uploaded to fal's storage. false: fal fetches them from here, for which it must reach us."""
    fal_output_lifetime: kinds.PositiveHours = setting("FAL_OUTPUT_HOURS", "168")
    """How long fal keeps what it made: 7 days, unless the account's settings say otherwise."""

    # Inputs for providers
    asset_host_allowlist: kinds.HostsOrNone = setting("ASSET_HOST_ALLOWLIST")
    """Further hosts an input of POST /api/generate may lie on, spelled as in SOURCE_HOST_ALLOWLIST."""
    s3_public_base_url: kinds.ApiOrNone = setting("S3_PUBLIC_BASE_URL")
    """Where a bucket's objects are read by anyone. Inputs may lie there too."""

    # Retention
    image_hosting_enabled: kinds.Switch = setting("IMAGE_HOSTING_ENABLED", "true")
    """false: the provider's expiring URLs are passed through, and nothing is kept."""
    image_max_age: kinds.DaysOrOff = setting("IMAGE_MAX_AGE_DAYS", "90")
    """Older images go. 0: at no age."""
    image_per_user_limit: kinds.CountOrOff = setting("IMAGE_PER_USER_LIMIT", "50")
    """Beyond this many, a user's least recently used images go. 0: no limit."""
    image_min_age: kinds.Hours = setting("IMAGE_MIN_AGE_HOURS", "24")
    """Nothing younger goes, whatever the other rules say."""
    image_storage_max: kinds.GibibytesOrOff = setting("IMAGE_STORAGE_MAX_GB", "0")
    """When all images together pass this many GiB, the least recently used go. 0: no limit."""
    volume_high_water: kinds.Share = setting("VOLUME_HIGH_WATER", "0.9")
    """When this share of the volume is used, the least recently used images go ..."""
    volume_low_water: kinds.Share = setting("VOLUME_LOW_WATER", "0.8")
    """... down to this share; so for IMAGE_STORAGE_MAX_GB."""
    cleanup_interval: kinds.PositiveHours = setting("CLEANUP_INTERVAL_HOURS", "24")
    """Time between two sweeps. The first comes soon after the start."""
    cleanup_max_per_run: kinds.Count = setting("CLEANUP_MAX_PER_RUN", "10000")
    """The most images one sweep removes."""

    # Capture
    capture_concurrency: kinds.Count = setting("CAPTURE_CONCURRENCY", "8")
    """How many sources are downloaded at once. A quarter of that is kept for those about to die."""
    capture_queue_limit: kinds.Count = setting("CAPTURE_QUEUE_LIMIT", "10000")
    """How many captures may wait. More are refused with 503."""
    capture_deadline: kinds.PositiveMinutes = setting("CAPTURE_DEADLINE_MINUTES", "60")
    """How long a source is tried whose expiry nobody knows."""
    capture_read_wait: kinds.Seconds = setting("CAPTURE_READ_WAIT", "2")
    """Seconds a reader waits for an image that is still being captured."""
    source_host_allowlist: kinds.Hosts = setting("SOURCE_HOST_ALLOWLIST", _sources)
    """Hosts a source may lie on, and those below them; *.a.example is only those below. Separated by commas.

    Empty: replicate.delivery, fal.media, storage.googleapis.com and the hosts of another REPLICATE_BASE_URL
    or FAL_QUEUE_URL.
    """
    allow_private_sources: kinds.Switch = setting("ALLOW_PRIVATE_SOURCES", "false")
    """true: sources on private and loopback addresses are fetched. For development and tests."""
    source_max_bytes: kinds.PositiveMebibytes = setting("SOURCE_MAX_MB", "50")
    """Largest source, in MiB."""
    source_connect_timeout: kinds.PositiveSeconds = setting("SOURCE_CONNECT_SECONDS", "10")
    """Longest wait for a connection."""
    source_read_timeout: kinds.PositiveSeconds = setting("SOURCE_READ_SECONDS", "30")
    """Longest silence within a download."""
    source_total_timeout: kinds.PositiveSeconds = setting("SOURCE_TOTAL_SECONDS", "300")
    """Longest download, redirects included."""
    source_min_rate: kinds.Kibibytes = setting("SOURCE_MIN_RATE_KB", "8")
    """Slowest download that goes on, in KiB a second. 0: any."""

    # Uploads and temporary images
    asset_max_bytes: kinds.PositiveMebibytes = setting("ASSET_MAX_IMAGE_MB", "25")
    """Largest image that is uploaded, or hosted for a provider to fetch, in MiB."""
    upload_min_rate: kinds.Kibibytes = setting("UPLOAD_MIN_RATE_KB", "16")
    """Slowest upload that may take longer than REQUEST_BODY_SECONDS, in KiB a second. 0: none may."""
    temporary_max: kinds.PositiveMebibytes = setting("TEMPORARY_MAX_MB", "256")
    """MiB of temporary images, of all users together. More are refused with 507."""

    # What a stranger can make large
    decode_workers: kinds.Count = setting("DECODE_WORKERS", "2")
    """Processes that decode images."""
    decode_timeout: kinds.PositiveSeconds = setting("DECODE_TIMEOUT_SECONDS", "20")
    """Longest decoding of one image."""
    decode_queue_limit: kinds.Count = setting("DECODE_QUEUE_LIMIT", "256")
    """How many images may wait to be decoded. More are refused with 503."""
    decode_memory: kinds.PositiveMebibytes = setting("DECODE_MEMORY_MB", "1280")
    """Memory of one decoding process, in MiB."""
    image_max_pixels: kinds.Count = setting("IMAGE_MAX_PIXELS", "50000000")
    """Largest image, in pixels."""
    image_max_frames: kinds.Count = setting("IMAGE_MAX_FRAMES", "300")
    """Longest animation, in frames."""
    request_max_bytes: kinds.PositiveMebibytes = setting("REQUEST_MAX_MB", "48")
    """Largest request body, data URIs included, in MiB."""
    request_head_timeout: kinds.PositiveSeconds = setting("REQUEST_HEAD_SECONDS", "10")
    """Longest time the head of a request may take to arrive, and a new connection to say anything."""
    request_body_timeout: kinds.PositiveSeconds = setting("REQUEST_BODY_SECONDS", "60")
    """Longest time a request body may take to arrive."""
    response_stall: kinds.PositiveSeconds = setting("RESPONSE_STALL_SECONDS", "60")
    """Longest time a client may take for the next 256 KiB of an answer, or for its rest."""
    metadata_max_bytes: kinds.Count = setting("METADATA_MAX_BYTES", "16384")
    """Largest metadata of an image, as JSON, in bytes."""
    rate_limit_reads: kinds.Rate = setting("RATE_LIMIT_READS", "12000/minute")
    """How often one client may read, as the limits library spells it. Set to nothing: no limit."""
    rate_limit_writes: kinds.Rate = setting("RATE_LIMIT_WRITES", "3000/minute")
    """How often one client may write. Set to nothing: no limit."""
    max_connections: kinds.Count = setting("MAX_CONNECTIONS", "4096")
    """Connections open at once, in all. More get 503. Lowered where the process may not open that many files."""
    max_connections_per_address: kinds.CountOrOff = setting("MAX_CONNECTIONS_PER_ADDRESS", "256")
    """Connections one address may hold open. 0: no limit."""
    client_address_header: kinds.Header = setting("CLIENT_ADDRESS_HEADER")
    """Header in which a proxy in front, and nobody else, says who asks. On Railway: X-Real-IP."""
    image_edge_max_age: kinds.Seconds = setting("IMAGE_EDGE_MAX_AGE", "86400")
    """Seconds a CDN may keep an image, and so how long a deleted one may live on there."""
