-- Why operators gave money back to customers goes with the customer.
UPDATE refunds r SET reason = '' FROM payments p JOIN erased_customers e USING (orders_customer_id)
WHERE p.id = r.payment_id AND r.kind = 'operator';
