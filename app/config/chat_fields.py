"""The settings of chats: which models answer, what they are given, and how long they may take."""

from app.config import kinds
from app.config.declaring import Declarations, secret, setting

_TYPES = "image/jpeg,image/png,image/webp,image/gif,image/avif"


class ChatFields(Declarations):
    """The declarations, as in `app.config.fields`."""

    # Models
    ollama_host: kinds.OllamaHost = setting("OLLAMA_HOST", "http://127.0.0.1:11434")
    """Where Ollama runs, as Ollama spells it: a bare host means port 11434, http://host means port 80."""
    ollama_api_key: kinds.Secret = secret("OLLAMA_API_KEY")
    """Sent as bearer token, as ollama.com or a proxy in front wants it. Empty: none is sent."""
    ollama_model: kinds.ModelName = setting("OLLAMA_MODEL")
    """The model that answers when a request names none. Empty: each request has to."""
    ollama_concurrency: kinds.Count = setting("OLLAMA_CONCURRENCY", "2")
    """How many answers are asked for at once. Ollama says one after the other unless OLLAMA_NUM_PARALLEL is more."""
    ollama_queue_limit: kinds.Count = setting("OLLAMA_QUEUE_LIMIT", "64")
    """How many answers may wait for their turn. More are refused with 503."""
    ollama_load: kinds.PositiveSeconds = setting("OLLAMA_LOAD_SECONDS", "600")
    """Longest wait for the first piece of an answer: a large model takes minutes to load."""
    ollama_stall: kinds.PositiveSeconds = setting("OLLAMA_STALL_SECONDS", "60")
    """Longest silence within an answer."""
    ollama_answer: kinds.PositiveSeconds = setting("OLLAMA_ANSWER_SECONDS", "900")
    """Longest answer in all, loading included, once it is its turn."""
    vision_fallback_model: kinds.ModelName = setting("VISION_FALLBACK_MODEL")
    """Answers about pictures in place of a model that cannot see. Empty: that one gets the text alone."""
    vision_model_detection_enabled: kinds.Switch = setting("VISION_MODEL_DETECTION_ENABLED", "true")
    """true: Ollama is asked whether a model sees. false: every model is taken to."""

    # Conversations
    chat_message_max_chars: kinds.Count = setting("CHAT_MESSAGE_MAX_CHARS", "32000")
    """Longest message, in characters."""
    chat_answer_max_chars: kinds.Count = setting("CHAT_ANSWER_MAX_CHARS", "65536")
    """Longest answer, in characters: there the model is stopped."""
    chat_history_messages: kinds.CountOrNone = setting("CHAT_HISTORY_MESSAGES", "20")
    """How many earlier messages a model is reminded of. 0: none."""
    chat_history_max_chars: kinds.CountOrNone = setting("CHAT_HISTORY_MAX_CHARS", "24000")
    """The most characters of them, the latest first: a model forgets what does not fit into its context."""
    chat_history_images: kinds.CountOrNone = setting("CHAT_HISTORY_IMAGES", "2")
    """How many pictures of them, the latest first: each costs a model about as much as 700 words."""
    chat_max_images: kinds.Count = setting("CHAT_MAX_IMAGES", "4")
    """The most pictures in one message."""
    chat_ping: kinds.PositiveSeconds = setting("CHAT_PING_SECONDS", "10")
    """Time between signs of life while a model has nothing to say, so that nobody in between hangs up."""

    # Pictures in chats
    image_upload_enabled: kinds.Switch = setting("IMAGE_UPLOAD_ENABLED", "true")
    """false: chats are text alone."""
    image_max_size: kinds.PositiveMebibytes = setting("IMAGE_MAX_SIZE_MB", "10")
    """Largest picture in a chat, in MiB."""
    image_retention: kinds.DaysOrOff = setting("IMAGE_RETENTION_DAYS", "30")
    """Older pictures of chats go; the messages stay. 0: at no age."""
    image_allowed_types: kinds.ImageTypes = setting("IMAGE_ALLOWED_TYPES", _TYPES)
    """What a picture in a chat may be, by what its bytes are, separated by commas."""
    image_serve_endpoint: kinds.ServePath = setting("IMAGE_SERVE_ENDPOINT", "/api/images")
    """The path below which pictures of chats are served, to their owners only."""
