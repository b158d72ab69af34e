import type { Counts } from './counts.ts';
import { CREATOR, creator } from './rows-shop.ts';
import { anyId, at, chance, hash, id, nastyOr, oneOf, pair, sometimes, words, type TableRows } from './sql.ts';

/** Forum and roadmap: counters kept by triggers that, over the years, no longer agree with the rows they count. */
export function communityRows(c: Counts): TableRows[] {
  const users = c['auth.users'];
  const { products, stores } = c;
  const votes = pair(c.roadmap_items, users);
  const upvotes = pair(c.roadmap_suggestions, users);
  return [
    {
      table: 'forum_settings',
      rows: Math.min(c.forum_settings, stores),
      columns: {
        creator_id: id('user'),
        is_enabled: chance('forum.enabled', 70),
        require_purchase: chance('forum.purchase', 20),
        created_at: at('forum.created'),
        updated_at: at('forum.updated'),
      },
    },
    {
      table: 'forum_categories',
      rows: c.forum_categories,
      columns: {
        id: id('category'),
        creator_id: creator(stores),
        name: words('categories.name'),
        color: `'#' || substr(md5('color' || n), 1, 6)`,
        sort_order: `n / ${stores}`,
        is_active: chance('categories.active', 90),
        created_at: at('categories.created'),
        updated_at: at('categories.updated'),
      },
    },
    {
      table: 'forum_posts',
      rows: c.forum_posts,
      columns: {
        id: id('post'),
        category_id: id('category', `1 + (n - 1) % ${c.forum_categories}`),
        // no foreign key: boards of creators who left
        creator_id: `case n % 17 when 9 then ${id('gone')} else ${creator(stores)} end`,
        user_id: anyId('user', 'posts.user', users),
        title: nastyOr(9, words('posts.title')),
        content: nastyOr(7, `${words('posts.c1')} || E'\\n\\n' || ${words('posts.c2')}`),
        is_pinned: chance('posts.pinned', 5),
        view_count: hash('posts.views', 3000),
        reply_count: `40 + ${hash('posts.replies', 9)}`, // never what forum_replies holds
        last_reply_at: sometimes('posts.replied', 70, at('posts.reply')),
        last_reply_user_id: sometimes('posts.replied', 70, anyId('user', 'posts.replier', users)),
        created_at: at('posts.created'),
        updated_at: at('posts.updated'),
        media_urls: `case n % 4 when 0 then null when 1 then '{}' when 2 then array['forum-media/' || n || ' (1).png', null] else array[''] end`,
        tagged_product_id: sometimes('posts.tagged', 30, anyId('product', 'posts.product', products)),
      },
    },
    {
      table: 'forum_replies',
      rows: c.forum_replies,
      columns: {
        id: id('reply'),
        post_id: anyId('post', 'replies.post', c.forum_posts),
        user_id: anyId('user', 'replies.user', users),
        content: nastyOr(11, words('replies.content')),
        is_solution: chance('replies.solution', 5),
        created_at: at('replies.created'),
        updated_at: at('replies.updated'),
        media_urls: `case n % 5 when 0 then null when 1 then '[2:3]={a,b}'::text[] else '{}' end`, // bounds that do not start at 1
      },
    },
    {
      table: 'roadmap_versions',
      rows: c.roadmap_versions,
      columns: {
        id: id('roadmap'),
        creator_id: creator(stores),
        version_name: `'v' || n % 9 || '.' || n`,
        status: oneOf('roadmap.status', 'backlog', 'in_progress', 'released'),
        description: sometimes('roadmap.text', 60, words('roadmap.text')),
        sort_order: `n / ${stores}`,
        created_at: at('roadmap.created'),
        updated_at: at('roadmap.updated'),
        status_changed_at: at('roadmap.changed'),
        product_id: sometimes('roadmap.product', 80, anyId('product', 'roadmap.which', products)),
      },
    },
    {
      table: 'roadmap_items',
      rows: c.roadmap_items,
      columns: {
        id: id('item'),
        version_id: anyId('roadmap', 'items.version', c.roadmap_versions),
        creator_id: creator(stores),
        title: nastyOr(13, words('items.title')),
        description: sometimes('items.text', 50, words('items.text')),
        status: oneOf('items.status', 'backlog', 'in_progress', 'done'),
        sort_order: hash('items.order', 20),
        created_at: at('items.created'),
        updated_at: at('items.updated'),
        status_changed_at: at('items.changed'),
        product_id: sometimes('items.product', 60, anyId('product', 'items.which', products)),
      },
    },
    {
      table: 'roadmap_item_votes',
      rows: c.roadmap_item_votes,
      columns: {
        id: id('vote'),
        item_id: id('item', votes.first),
        user_id: id('user', votes.second),
        created_at: at('votes.created'),
      },
    },
    {
      table: 'roadmap_suggestions',
      rows: c.roadmap_suggestions,
      columns: {
        id: id('suggestion'),
        creator_id: creator(stores),
        user_id: anyId('user', 'suggestions.user', users),
        version_id: sometimes('suggestions.version', 30, anyId('roadmap', 'suggestions.which', c.roadmap_versions)),
        title: nastyOr(8, words('suggestions.title')),
        description: sometimes('suggestions.text', 70, words('suggestions.text')),
        status: oneOf('suggestions.status', 'pending', 'planned', 'declined'),
        upvotes: `100 + ${hash('suggestions.upvotes', 50)}`, // never what roadmap_suggestion_upvotes holds
        created_at: at('suggestions.created'),
        updated_at: at('suggestions.updated'),
        forum_status: oneOf('suggestions.forum', 'open', 'closed'),
        status_changed_at: sometimes('suggestions.changed', 40, at('suggestions.changed_at')),
      },
    },
    {
      table: 'roadmap_suggestion_replies',
      rows: c.roadmap_suggestion_replies,
      columns: {
        id: id('suggestion-reply'),
        suggestion_id: anyId('suggestion', 'answers.to', c.roadmap_suggestions),
        user_id: anyId('user', 'answers.user', users),
        content: nastyOr(6, words('answers.content')),
        created_at: at('answers.created'),
        updated_at: at('answers.updated'),
      },
    },
    {
      table: 'roadmap_suggestion_upvotes',
      rows: c.roadmap_suggestion_upvotes,
      columns: {
        id: id('upvote'),
        suggestion_id: id('suggestion', upvotes.first),
        user_id: id('user', upvotes.second),
        created_at: at('upvotes.created'),
      },
    },
    {
      table: 'changelogs',
      rows: c.changelogs,
      columns: {
        id: id('changelog'),
        product_id: id('product', CREATOR(products)),
        version_id: sometimes('changelogs.version', 60, anyId('roadmap', 'changelogs.which', c.roadmap_versions)),
        version_name: `'v' || n`,
        title: words('changelogs.title'),
        content: nastyOr(5, `'- ' || ${words('changelogs.a')} || E'\\n- ' || ${words('changelogs.b')}`),
        release_date: at('changelogs.released'),
        is_published: chance('changelogs.published', 70),
        created_at: at('changelogs.created'),
        updated_at: at('changelogs.updated'),
      },
    },
  ];
}
