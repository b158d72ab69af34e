import type { Counts } from './counts.ts';
import { CREATOR, creator } from './rows-shop.ts';
import { anyId, at, chance, hash, id, money, nastyOr, oneOf, pair, sometimes, words, type TableRows } from './sql.ts';

/** Sales, payments, fees, discounts, licences, affiliates, newsletters. */
export function moneyRows(c: Counts): TableRows[] {
  const users = c['auth.users'];
  const { products, sales, stores } = c;
  const links = pair(users, stores);
  const product = `1 + ${hash('sales.product', products)}`;
  return [
    {
      table: 'sales',
      rows: sales,
      columns: {
        id: id('sale'),
        product_id: `case when n % 37 = 36 then null else ${id('product', product)} end`,
        buyer_id: `case when n % 23 = 22 then null else ${anyId('user', 'sales.buyer', users)} end`,
        amount: money('sales.amount', 200),
        created_at: at('sales.created'),
        seller_id: id('user', `1 + (${product} - 1) % ${stores}`),
        currency: oneOf('sales.currency', 'usd', 'usd', 'gbp', 'eur'),
        platform_fee: `${hash('sales.fee', 1000)}::numeric / 100`,
        seller_amount: money('sales.rest', 190),
        stripe_payment_id: sometimes('sales.stripe', 70, `'pi_' || md5('sale' || n)`),
      },
    },
    {
      table: 'payment_transactions',
      rows: c.payment_transactions,
      columns: {
        id: id('transaction'),
        stripe_payment_intent_id: `case when n % 5 = 4 then null else 'pi_' || md5('sale' || n) end`,
        // no foreign key on either: the account may be gone, the record of the payment must stay
        buyer_id: `case n % 11 when 3 then ${id('gone')} when 4 then null else ${anyId('user', 'pay.buyer', users)} end`,
        seller_id: `case n % 13 when 5 then ${id('gone')} else ${creator(stores)} end`,
        store_id: `case when n % 7 = 6 then null else ${id('store', CREATOR(stores))} end`,
        product_id: anyId('product', 'pay.product', products),
        // numeric without a scale: 19.9, 19.90 and 19.900 are equal and not the same
        amount: `case n % 6 when 0 then 19.9 when 1 then 19.90 when 2 then 19.900 when 3 then 1e3
          when 4 then 0.100000000000000000000000000000000001 else ${money('pay.amount', 200)} end`,
        platform_fee: `${hash('pay.fee', 1000)}::numeric / 1000`,
        seller_amount: money('pay.rest', 190),
        status: `case when n % 4 = 0 then 'pending' when n % 9 = 1 then 'refunded' else 'completed' end`,
        created_at: at('pay.created'),
        payment_provider: `case when n % 5 = 4 then 'paypal' else 'stripe' end`,
        payout_status: oneOf('pay.payout', 'pending', 'paid', 'failed'),
        payment_method: `case when n % 5 = 4 then 'paypal' else 'stripe' end`,
        stripe_session_id: sometimes('pay.session', 60, `'cs_' || md5('session' || n)`),
        paypal_transaction_id: `case when n % 5 = 4 then upper(substr(md5('paypal' || n), 1, 17)) end`,
        updated_at: at('pay.updated'),
      },
    },
    {
      table: 'platform_fees_owed',
      rows: c.platform_fees_owed,
      columns: {
        id: id('fee'),
        seller_id: creator(stores),
        transaction_id: anyId('transaction', 'fees.transaction', c.payment_transactions),
        amount_owed: money('fees.owed', 30),
        status: oneOf('fees.status', 'pending', 'collected'),
        notes: sometimes('fees.notes', 20, nastyOr(4, words('fees.notes'))),
        created_at: at('fees.created'),
        updated_at: at('fees.updated'),
      },
    },
    {
      table: 'discount_codes',
      rows: c.discount_codes,
      columns: {
        id: id('code'),
        creator_id: creator(stores),
        code: `upper(substr(md5('code' || n), 1, 6)) || n`,
        discount_type: oneOf('codes.type', 'percentage', 'fixed'),
        discount_value: `case n % 4 when 0 then 10 when 1 then 10.0 else ${money('codes.value', 40)} end`,
        min_purchase: sometimes('codes.min', 40, money('codes.min_purchase', 30)),
        // NaN and infinity are numerics too
        max_discount: `case n % 5 when 0 then 'NaN'::numeric when 1 then 'Infinity'::numeric when 2 then null else 25.50 end`,
        product_ids: `case n % 3 when 0 then null when 1 then '{}' else array[${anyId('product', 'codes.product', products)}] end`,
        usage_limit: sometimes('codes.limit', 50, `10 + ${hash('codes.usage', 90)}`),
        usage_count: hash('codes.used', 10),
        expires_at: sometimes('codes.expires', 60, at('codes.expires_at')),
        created_at: at('codes.created'),
      },
    },
    {
      table: 'discount_usage',
      rows: c.discount_usage,
      columns: {
        id: id('usage'),
        code_id: anyId('code', 'usage.code', c.discount_codes),
        user_id: sometimes('usage.user', 80, anyId('user', 'usage.who', users)),
        sale_id: sometimes('usage.sale', 80, anyId('sale', 'usage.which', sales)),
        discount_amount: money('usage.amount', 40),
        used_at: at('usage.at'),
      },
    },
    {
      table: 'license_keys',
      rows: c.license_keys,
      columns: {
        id: id('license'),
        product_id: anyId('product', 'licenses.product', products),
        sale_id: sometimes('licenses.sale', 70, anyId('sale', 'licenses.which', sales)),
        user_id: anyId('user', 'licenses.user', users),
        key: `upper(regexp_replace(substr(md5('license' || n), 1, 16), '(....)(....)(....)(....)', '\\1-\\2-\\3-\\4'))`,
        status: oneOf('licenses.status', 'active', 'active', 'revoked', 'expired'),
        activations: hash('licenses.activations', 4),
        max_activations: sometimes('licenses.max', 60, '3'),
        expires_at: `case when n % 8 = 1 then timestamptz 'infinity' when n % 8 = 2 then timestamptz '-infinity' end`,
        created_at: at('licenses.created'),
      },
    },
    {
      table: 'license_activations',
      rows: c.license_activations,
      columns: {
        id: id('activation'),
        license_id: anyId('license', 'activations.license', c.license_keys),
        machine_id: `md5('machine' || n)`,
        ip_address: sometimes('activations.ip', 70, `('203.0.113.' || n % 256)::inet`),
        activated_at: at('activations.at'),
        deactivated_at: sometimes('activations.off', 20, at('activations.off_at')),
      },
    },
    {
      table: 'affiliate_links',
      rows: c.affiliate_links,
      columns: {
        id: id('link'),
        user_id: id('user', links.first),
        creator_id: id('user', links.second),
        code: `substr(md5('link' || n), 1, 8)`,
        clicks: hash('links.clicks', 500),
        conversions: hash('links.conversions', 20),
        earnings: `${hash('links.earned', 100000)}::numeric / 1000`,
        created_at: at('links.created'),
      },
    },
    {
      table: 'affiliate_settings',
      rows: Math.min(c.affiliate_settings, stores),
      columns: {
        creator_id: id('user'),
        is_enabled: chance('affiliate.enabled', 60),
        commission_rate: `case n % 3 when 0 then 0.1 when 1 then 0.10 else 0.125 end`,
        cookie_days: `7 + ${hash('affiliate.days', 60)}`,
        created_at: at('affiliate.created'),
        updated_at: at('affiliate.updated'),
      },
    },
    {
      table: 'affiliate_referrals',
      rows: c.affiliate_referrals,
      columns: {
        id: id('referral'),
        link_id: anyId('link', 'referrals.link', c.affiliate_links),
        sale_id: anyId('sale', 'referrals.sale', sales),
        commission_amount: money('referrals.amount', 20),
        status: oneOf('referrals.status', 'pending', 'approved', 'paid', 'rejected'),
        created_at: at('referrals.created'),
        paid_at: sometimes('referrals.paid', 30, at('referrals.paid_at')),
      },
    },
    {
      table: 'affiliate_payout_requests',
      rows: c.affiliate_payout_requests,
      columns: {
        id: id('payout'),
        affiliate_link_id: anyId('link', 'payouts.link', c.affiliate_links),
        amount: `(array['NaN', '-0.0', '1e131071', '0.000', '99999999999999999999.999999999999999999', '-Infinity', '50', '50.00'])[1 + n % 8]::numeric`,
        payment_method: oneOf('payouts.method', 'paypal', 'bank'),
        payment_details: sometimes('payouts.details', 80, `'paypal' || n || '@example.com'`),
        created_at: at('payouts.created'),
        processed_at: sometimes('payouts.done', 40, at('payouts.done_at')),
      },
    },
    {
      table: 'newsletter_subscribers',
      rows: c.newsletter_subscribers,
      columns: {
        id: id('subscriber'),
        email: `'reader' || n || '@example.com'`,
        store_id: `case when n % 15 = 14 then null else ${id('store', CREATOR(stores))} end`,
        subscribed_at: at('subscribers.at'),
        is_active: chance('subscribers.active', 90),
        unsubscribe_token: `${id('unsubscribe')}::text`,
      },
    },
    {
      table: 'newsletter_campaigns',
      rows: c.newsletter_campaigns,
      columns: {
        id: id('campaign'),
        store_id: id('store', CREATOR(stores)),
        product_id: sometimes('campaigns.product', 50, anyId('product', 'campaigns.which', products)),
        subject: nastyOr(5, words('campaigns.subject')),
        sent_at: at('campaigns.sent'),
        recipients_count: hash('campaigns.to', 800),
        opened_count: hash('campaigns.opened', 400),
      },
    },
    {
      table: 'email_queue',
      rows: c.email_queue,
      columns: {
        id: id('mail'),
        to_email: `'reader' || n || '@example.com'`,
        subject: words('mail.subject'),
        // long enough to be stored out of line
        html_content: `'<html><body>' || repeat(md5('mail' || n), case when n % 50 = 1 then 400 else 4 end) || E'</body>\\r\\n</html>'`,
        campaign_id: sometimes('mail.campaign', 80, anyId('campaign', 'mail.which', c.newsletter_campaigns)),
        status: oneOf('mail.status', 'pending', 'sent', 'failed'),
        attempts: hash('mail.attempts', 4),
        last_attempt_at: sometimes('mail.tried', 60, at('mail.tried_at')),
        error_message: sometimes('mail.error', 10, `E'550 5.1.1 "unknown"\\n\\tuser'`),
        created_at: at('mail.created'),
      },
    },
  ];
}
