import type { Counts } from './counts.ts';
import { BUCKETS } from './facts.ts';
import { anyId, at, chance, hash, id, oneOf, sometimes, type TableRows } from './sql.ts';

/** Visits, page views, files. Request logs come last and fill up the number of rows that was asked for. */
export function trafficRows(c: Counts): TableRows[] {
  const users = c['auth.users'];
  return [
    {
      table: 'visitor_sessions',
      rows: c.visits,
      columns: {
        id: id('visit'),
        session_id: `'session_' || n || '_' || substr(md5('visit' || n), 1, 9)`,
        country: oneOf('visits.country', 'United Kingdom', "Côte d'Ivoire", 'Österreich', '日本', 'Brasil'),
        country_code: oneOf('visits.country', 'GB', 'CI', 'AT', 'JP', 'BR'),
        region: sometimes('visits.region', 60, oneOf('visits.which', 'North', 'South', '')),
        timezone: oneOf(
          'visits.country',
          'Europe/London',
          'Africa/Abidjan',
          'Europe/Vienna',
          'Asia/Tokyo',
          'America/Bahia',
        ),
        languages: `case n % 3 when 0 then null when 1 then array['en-GB', 'en'] else array['de', null, ''] end`,
        user_agent: oneOf('visits.agent', 'Mozilla/5.0 (Windows NT 10.0)', 'Mozilla/5.0 (Macintosh)', 'curl/8.5.0'),
        device_type: oneOf('visits.device', 'desktop', 'mobile', 'tablet'),
        browser: oneOf('visits.browser', 'Chrome', 'Firefox', 'Safari'),
        referrer: sometimes('visits.referrer', 30, `'https://search.example.com/?q=' || n`),
        first_page: `'/shop/' || n % 97`,
        last_page: `'/shop/' || n % 89`,
        page_views: `1 + ${hash('visits.pages', 30)}`,
        created_at: at('visits.created'),
        last_seen_at: at('visits.seen'),
        latitude: `(${hash('visits.latitude', 18000000000)} - 9000000000)::numeric / 100000000`,
        longitude: `(${hash('visits.longitude', 36000000000)} - 18000000000)::numeric / 100000000`,
        accuracy: sometimes('visits.accuracy', 50, `${hash('visits.meters', 100000)}::numeric / 100`),
        isp: sometimes('visits.isp', 70, oneOf('visits.network', 'Example Telecom', 'Beispiel Netz', '例え通信')),
      },
    },
    {
      table: 'page_views',
      rows: c.page_views,
      columns: {
        id: id('view'),
        session_id: `'session_' || (1 + ${hash('views.session', c.visits)})`,
        page_path: `'/shop/' || n % 97`,
        page_title: sometimes('views.title', 80, `'Shop – ' || n % 97`),
        created_at: at('views.created'),
      },
    },
    {
      table: 'analytics_daily',
      rows: c.analytics_daily,
      columns: { id: id('day'), created_at: `timestamptz '2025-09-26 00:00:00+00' + n * interval '1 day'` },
    },
    {
      // Folders, as Storage kept them until 2026: one a user who has files.
      table: 'storage.prefixes',
      rows: Math.min(20, users),
      columns: {
        bucket_id: `'${BUCKETS[0]}'`,
        name: `${id('user')}::text`,
        created_at: at('prefixes.created'),
        updated_at: at('prefixes.created'),
      },
    },
    {
      table: 'storage.objects',
      rows: c['storage.objects'],
      columns: {
        id: id('object'),
        bucket_id: `(array[${BUCKETS.map((bucket) => `'${bucket}'`).join(', ')}])[1 + n % ${BUCKETS.length}]`,
        level: `case when n % 12 = 4 then 6 else 2 end`,
        // names with spaces, quotes, percent signs, a leading dot, combining marks, deep folders
        name: `${anyId('user', 'objects.user', users)} || '/' || case n % 12
          when 1 then 'it''s (1) 100% "' || n || '".png'
          when 2 then '.hidden-' || n
          when 3 then E'e\\u0301te\\u0301 ' || n || '.jpg'
          when 4 then 'a/b/c/d/' || n || '.tar.gz'
          else n || '.png' end`,
        owner: anyId('user', 'objects.user', users),
        owner_id: `${anyId('user', 'objects.user', users)}::text`,
        created_at: at('objects.created'),
        updated_at: at('objects.updated'),
        last_accessed_at: at('objects.accessed'),
        metadata: `jsonb_build_object('eTag', '"' || md5('object' || n) || '"', 'size', ${hash('objects.size', 5000000)},
          'mimetype', 'image/png', 'cacheControl', 'max-age=3600', 'contentLength', ${hash('objects.size', 5000000)},
          'lastModified', '2026-01-01T00:00:00.000Z', 'httpStatusCode', 200)`,
        version: `${id('object-version')}::text`,
        user_metadata: `case n % 3 when 0 then null when 1 then '{}'::jsonb else '{"alt": "text"}'::jsonb end`,
      },
    },
  ];
}

/** The largest table, as in the source. */
export function requestLogRows(c: Counts, rows: number): TableRows {
  return {
    table: 'api_request_logs',
    rows,
    columns: {
      id: id('log'),
      developer_id: anyId('user', 'logs.user', c['auth.users']),
      endpoint: oneOf(
        'logs.endpoint',
        '/api-verify',
        '/api-products',
        '/api-whitelist',
        '/api-obfuscate',
        '/api-credits',
      ),
      method: oneOf('logs.endpoint', 'GET', 'GET', 'POST', 'POST', 'GET'),
      status_code: `case when ${chance('logs.ok', 93)} then 200 else 429 end`,
      request_id: `'req_' || to_hex(standin.h(n, 'logs.request'))`,
      created_at: at('logs.created'),
    },
  };
}
