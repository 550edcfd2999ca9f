//! The headers that keep browsers in bounds.

/// What keeps browsers in bounds, on every answer; one that shows a page has a policy of its own.
pub const SECURITY: [(&str, &str); 6] = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// For a year: this server is spoken to by https only.
pub(super) const STRICT_TRANSPORT: &str = "max-age=31536000";
