-- What must be proven for an order, in the order of its identifiers. The links in acme_order_authorizations go with the authorizations, and
-- an order that was fulfilled outlives these: RFC 8555 7.1.3 wants its list never to change.
ALTER TABLE acme_orders ADD COLUMN authorizations TEXT NOT NULL DEFAULT '[]'; -- JSON array
UPDATE acme_orders SET authorizations =
  (SELECT json_group_array(l.authorization) FROM acme_order_authorizations l WHERE l."order" = acme_orders.id);
