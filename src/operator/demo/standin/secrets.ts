/** Values that cannot be made again byte for byte (salts, session keys of pgp): made once, kept here. */

/** bcrypt, as GoTrue writes it. The first (cost 10) is the demo user's; the others cost 4 to 6 so that tests can try them. */
export const PASSWORD_HASHES: readonly string[] = [
  '$2a$10$I/Z7BkNujHr/.izzOXereeqQOkqpC8f7qruhE4ZSLXu.H4nOgFmrW',
  '$2a$04$7clOWSC8ysji7aVK5xM.Meb.0XZSHYRUGjKyYQnDwy43uA2kP3DZe',
  '$2a$04$YvQVUUK0L/DhHyvJDljTQeQrv/izpB4Q2X91k2ImW1IGKIt78sQi.',
  '$2a$05$gUc0TlRgCFCZXFcJXB5nVelzwFsCghHjZFp5GDZHW7JjJ2fO50lEq',
  '$2a$05$c1ZgrVxkEWGWXCexEXzRme6m1btwQ7vs0BXBR/5H3Vb25U4XJoaVi',
  '$2a$06$TmsciqoSEniEhCDCvdWeP.T58CdVS92a2dWdanx9QZe4fFXMrg98K',
  '$2a$06$Fekw0iApYrPnuqwOXXcLc.z3N82s7eJOr7dUZS8U2.3UMLsQIlm/.',
];

/** The passwords behind them: the demo user's first, then these two in turn. */
export const PASSWORDS = ['correct horse battery staple', 'hunter2-ünïcode'] as const;

/** bcrypt cost 12 of a sha-256 in hex: how the bot keeps licence keys. One way; a move carries them as they are. */
export const LICENSE_HASHES: readonly string[] = [
  '$2a$12$3rbB8CkJdlA7KuH9CIfBMeDD8gZ5vd9OjmKnAFlH6SWmSs9NtE1se',
  '$2a$12$15NQQrmwZBgcJYT8f38K/ediBvOP43c89yxZUgyo31x64sTpqCu1m',
];

/** `rbx-fallback-<1..3>-0123456789abcdef`, under the passphrase published in the functions' text. */
export const ROBLOX_KEYS_FALLBACK: readonly string[] = [
  'c30d040703029e1ce5c4a67c3d456ad25001c27c3279f7408f5bec351492350a1044014f0c63eaf904c0dd07f396af734e3812fd42ef8ad3b5f6946d0f0a47d34b0d5e4b4348baf0ee27dc62c4aab39573ab4c45d10ac28f83395265890f88c848',
  'c30d04070302a62232949ba44d5a7ad25001491bb22688dba8e9a66f7fe0bc54651ccc1118950c1e789fbc65d7d20f6fbb2d31b6cec1cf1d070b310b940d5e5e3b7b1a9af214a73e8874d0c9df808f84d6ebfb00bb866d0fe8f574726f85c2a821',
  'c30d04070302795a857d7b9c3c407bd25001157c6eaef1dedbf3736d1b99eca516dde3dc8bc3c8e52fb90769ef2890f992541caca49d84d38793e810785c6d83c985f5df3c996239da4e4421388da2962734e0439117e76590b32b5b31295cee77',
];

/** `rbx-setting-<1..3>-0123456789abcdef`, under the passphrase of the setting app.roblox_encryption_key. */
export const ROBLOX_KEYS_SETTING: readonly string[] = [
  'c30d040703024826a24857bed04160d24f01d6ec8438a0dd9b6fe5215749fe794e5c7410c5010575270baeecd4d49f827aeca005b716096615920e4fdc399202f8c3aceed3ca81b24a69b409a07ff831e438232a85d2f7fd658553e691d381a2',
  'c30d040703028604655da9536f8074d24f019a1dfe38eb113bed86250278b70cdc001ab3e8120d3ff82e4d7ee46839bb2b413ab3aaea8e818b40306789c079d4849d6582335d0f7543fef70d5683c3afff6796413eb89167acead80905926e35',
  'c30d0407030244daa5114a6c70507ad24f017c556ab42542966313139e4ec9526e17966bc6271aecc5588a928d70126a058979d8fe5ff5bb2c44968b1f5d308a3816eb195dc239e5b9120d704734cfdd1e06bbb749e7c7a452e3f9c890e053b3',
];

export const FALLBACK_PASSPHRASE = 'published-fallback-passphrase';
export const SETTING_PASSPHRASE = 'owner-chosen-passphrase';
