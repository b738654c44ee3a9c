-- The words of who cancelled an order are sealed from now on; the state knows no others.
UPDATE orders SET state = jsonb_set(state, '{cancellation,reason}', 'null')
WHERE jsonb_typeof(state #> '{cancellation,reason}') = 'string';
